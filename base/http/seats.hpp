// Who has how much of one door: its connections, and the bytes that their requests hold, by whom they are used. Nobody fills a door alone: whose requests are many,
// or long, gets no more than a share; some places are kept for those who have no bounds; what waits for a person is counted
// apart; and a connection that asks nothing gives way to one that comes. Only for this folder's .cpp files.
#pragma once
#include "base/error.hpp"
#include "base/http/limits.hpp"
#include "base/http/service.hpp"

#include <algorithm>
#include <functional>
#include <list>
#include <map>
#include <string>

namespace ar::http {

/// io thread only. Outlives its seats.
class Seats {
 public:
  explicit Seats(Limits const& limits) : limits_(limits) {}

  /// One connection's.
  class Seat {
   public:
    /// `address`: of the client; empty: of this machine, whose clients share none. `give_way` is called when it has to
    /// leave: the connection ends soon then.
    Seat(Seats& seats, std::string address, std::function<void()> give_way);
    ~Seat();
    Seat(Seat const&) = delete;
    Seat& operator=(Seat const&) = delete;

    /// A request begins. Error: too_many_connections.
    Result<void> take(Share const& share);
    /// For it `bytes` are held in all, of its body or its answer. Error: too_many_bytes; then it holds what it held.
    Result<void> hold(std::size_t bytes);
    /// It is answered.
    void release();

   private:
    friend class Seats;
    enum class Use { idle, busy, waiting, left };
    void become_idle();
    void leave();

    Seats& seats_;
    std::string const address_;
    std::function<void()> const give_way_;
    Use use_ = Use::left;
    std::string holder_{};
    std::size_t held_ = 0;
    std::list<Seat*>::iterator place_{};  ///< when idle
  };

  /// For one more connection, if need be by sending an idle one away. False: there is none.
  bool make_room(std::string const& address);

 private:
  struct Used {
    std::size_t busy = 0, waiting = 0, held = 0;
  };
  std::size_t reserve() const { return std::min(limits_.reserve, limits_.connections / 4); }
  bool send_away(std::string const* address);

  Limits const& limits_;
  std::list<Seat*> idle_;                      ///< the longest idle first
  std::map<std::string, Used> holders_;        ///< those with bounds
  std::map<std::string, std::size_t> places_;  ///< idle and busy ones, by address
  std::size_t busy_ = 0;                       ///< of all
  std::size_t bounded_ = 0;                    ///< of those with bounds
  std::size_t waiting_ = 0;
  std::size_t held_ = 0;          ///< bytes, of all
  std::size_t bounded_held_ = 0;  ///< of those with bounds
};

}  // namespace ar::http
