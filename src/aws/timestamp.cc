#include "aws/timestamp.h"

#include <chrono>
#include <ctime>

#include "aws/libcurl.h"

namespace sqlite_efs {
namespace {

// Takes text apart from its front. After a mismatch all else fails, too.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  // A number of exactly `digits` digits.
  int Number(size_t digits) {
    int value = 0;
    for (size_t i = 0; i < digits; i++) {
      if (rest_.empty() || rest_.front() < '0' || rest_.front() > '9') return Fail();
      value = value * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    return value;
  }
  void Expect(char c) {
    if (!Skip(c)) Fail();
  }
  bool Skip(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Any number of digits, but not none.
  void SkipDigits() {
    const size_t count = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    if (count == 0) Fail();
    rest_.remove_prefix(count);
  }
  bool AtEnd() const { return ok_ && rest_.empty(); }

 private:
  int Fail() {
    ok_ = false;
    rest_ = {};
    return 0;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace

std::optional<int64_t> ParseTimestamp_ms(std::string_view text) {
  using std::chrono::minutes, std::chrono::seconds, std::chrono::hours;
  Cursor cursor(text);
  const std::chrono::year year(cursor.Number(4));
  cursor.Expect('-');
  const std::chrono::month month(static_cast<unsigned>(cursor.Number(2)));
  cursor.Expect('-');
  const std::chrono::year_month_day date = year / month / std::chrono::day(static_cast<unsigned>(cursor.Number(2)));
  cursor.Expect('T');
  const int hour = cursor.Number(2);
  cursor.Expect(':');
  const int minute = cursor.Number(2);
  cursor.Expect(':');
  const int second = cursor.Number(2);
  if (cursor.Skip('.')) cursor.SkipDigits();
  minutes offset{0};
  if (const bool east = cursor.Skip('+'); east || cursor.Skip('-')) {
    offset = hours(cursor.Number(2));
    cursor.Expect(':');
    offset += minutes(cursor.Number(2));
    if (!east) offset = -offset;
  } else {
    cursor.Expect('Z');
  }
  if (!cursor.AtEnd() || !date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const auto time = std::chrono::sys_days(date) + hours(hour) + minutes(minute) + seconds(second) - offset;
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

std::optional<int64_t> ParseHttpDate_s(const std::string& text) {
  if (!LoadLibCurl().ok()) return std::nullopt;
  const std::time_t seconds = Curl().getdate(text.c_str(), nullptr);
  return seconds < 0 ? std::nullopt : std::optional<int64_t>(seconds);
}

}  // namespace sqlite_efs
