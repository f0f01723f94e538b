// The tables of the daemon's database, as numbered migrations; what they hold, and their SQL: store/tables/.
#pragma once
#include <span>

namespace ar::daemon {

std::span<char const* const> journal_migrations();

}  // namespace ar::daemon
