// How many times longer than in an ordinary build a test waits before it gives up; its ctest deadline does the same.
#pragma once

namespace ar::test {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define AR_TEST_PATIENCE 5
#endif
#endif
#ifndef AR_TEST_PATIENCE
#define AR_TEST_PATIENCE 1
#endif
inline constexpr int kPatience = AR_TEST_PATIENCE;
/// Where memory and time have other measures.
inline constexpr bool kSanitized = kPatience > 1;

}  // namespace ar::test
