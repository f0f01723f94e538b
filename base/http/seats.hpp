// Who has how much of one door: its connections, and the bytes that their requests hold, by whom they are used. Nobody
// fills a door alone, nor together with others: whose requests are many, or long, gets no more than a share; who has
// nothing of a full door takes a place from who has most; some places are kept for those who have no bounds; what waits
// for a person is counted apart; and a connection that asks nothing gives way to one that comes. Only for this folder's
// .cpp files.
#pragma once
#include "base/error.hpp"
#include "base/http/limits.hpp"
#include "base/http/request_handler.hpp"

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
    /// leave, and has nothing to do: the connection ends soon then. `cut` is called when it has, and somebody else gets
    /// its place: the connection must end at once.
    Seat(Seats& seats, std::string address, std::function<void()> give_way, std::function<void()> cut);
    ~Seat();
    Seat(Seat const&) = delete;
    Seat& operator=(Seat const&) = delete;

    /// A request begins. Error: too_many_connections.
    Result<void> take(Share const& share);
    /// For it `bytes` are held in all, of its body or its answer, which will have `whole` of them. Error:
    /// too_many_bytes; then it holds what it held.
    Result<void> hold(std::size_t bytes, std::size_t whole);
    /// It is answered.
    void release();

   private:
    friend class Seats;
    enum class Use { idle, busy, waiting, left };
    void become_idle();
    void leave();
    void give_back();
    void lose();

    Seats& seats_;
    std::string const address_;
    std::function<void()> const give_way_, cut_;
    Use use_ = Use::left;
    std::string holder_{};
    std::size_t held_ = 0;
    std::list<Seat*>::iterator place_{};  ///< among the idle, or its holder's
  };

  /// For one more connection, if need be by sending an idle one away. False: there is none.
  bool make_room(std::string const& address);

 private:
  struct Used {
    std::list<Seat*> busy{}, waiting{};  ///< the newest last
    std::size_t held = 0;
  };
  std::size_t reserve() const { return std::min(limits_.reserve, limits_.connections / 4); }
  bool send_away(std::string const* address);
  bool take_from_the_richest(std::list<Seat*> Used::*kind);
  bool take_from_the_heaviest(std::size_t heavier_than);

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
