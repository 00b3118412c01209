#include "probe/report.h"

#include <iomanip>

#include "probe/advice.h"

namespace sqlite_efs::probe {
namespace {

constexpr int kWordWidth = 11;
constexpr int kWhoWidth = 17;

std::string NameOf(Report::Who who) {
  switch (who) {
    case Report::Who::kHere:
      return "here";
    case Report::Who::kProcess:
      return "another process";
    case Report::Who::kHost:
      return "another host";
    case Report::Who::kPeerHere:
      return "peer, this host";
  }
  return "";
}

std::string WordOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kYes:
      return "yes";
    case Verdict::kNo:
      return "NO";
    case Verdict::kCannotTell:
      return "cannot tell";
  }
  return "";
}

std::string WordOf(Advice::Kind kind) {
  switch (kind) {
    case Advice::Kind::kBreaks:
      return "NO";
    case Advice::Kind::kWarning:
      return "warning";
    case Advice::Kind::kNote:
      return "note";
  }
  return "";
}

std::string Answers(int count) { return std::to_string(count) + (count == 1 ? " answer" : " answers"); }

}  // namespace

void Report::Line(const std::string& word, const std::string& who, const std::string& detail) {
  out_ << "  " << std::left << std::setw(kWordWidth) << word << "  ";
  if (!who.empty()) out_ << std::setw(detail.empty() ? 0 : kWhoWidth) << who;
  out_ << detail << std::endl;
}

void Report::NameLeftFolder(const std::string& folder) {
  Line("note", "", folder + " is of a probe that was killed, or runs on another host; a later probe removes it");
}

void Report::Describe(const std::string& directory, const Result<Mount>& mount) {
  directory_ = directory;
  if (!mount.ok()) {
    out_ << directory << "\n";
    return Line("warning", "", mount.status().message());
  }
  out_ << directory << ": " << mount->type << ", " << mount->source << " mounted on " << mount->point << std::endl;
  const std::string options = OptionsThatMatter(*mount);
  if (!options.empty()) Line("options", "", options);
  for (const Advice& advice : AdviceOn(*mount)) {
    if (advice.kind == Advice::Kind::kBreaks) no_++;
    Line(WordOf(advice.kind), "", advice.text);
  }
}

void Report::SayWaiting(const std::string& directory, Duration wait) {
  out_ << "waiting for `sqlite-efs probe " << directory << " --peer` on another host, up to "
       << wait / std::chrono::seconds(1) << " s" << std::endl;
}

void Report::NamePeer(const Party& party, bool on_another_host) {
  out_ << "the peer is " << party.Text() << std::endl;
  if (on_another_host) return;
  Line("note", "", "it runs on this very machine (the same boot id): its answers are about another process");
}

void Report::Ask(const Question& question) {
  question_ = &question;
  out_ << question.asks << std::endl;
}

void Report::Tell(Who who, const Answer& answer) {
  Line(WordOf(answer.verdict), NameOf(who), answer.detail);
  if (answer.verdict == Verdict::kYes) yes_++;
  if (answer.verdict == Verdict::kCannotTell) unknown_++;
  if (answer.verdict != Verdict::kNo) return;
  no_++;
  if (question_ != nullptr) Line("", "", std::string("why it matters: ") + question_->since);
}

void Report::TellNeedsHost() { Line("-", NameOf(Who::kHost), "needs a second host"); }

void Report::SayUntested(bool is_shared) {
  out_ << "Not tested here" << std::endl;
  if (is_shared) {
    Line("-", "",
         "whether the server refuses what a host writes that has lost its lock: the host would have to be cut off for "
         "longer than the server's lease. NFSv4 requires it. Where it does not hold, a host that was frozen in a merge "
         "may damage the database when it thaws; wal_autocheckpoint=0, and merging in a quiet hour, is safe there too");
    Line("-", "",
         "whether a change of a file's size is refused that arrives when its descriptor is closed: it would have to be "
         "held up on the network");
  }
  Line("-", "", "whether what was synced outlasts a loss of power");
}

Outcome Report::Conclude(bool is_shared, bool had_host, bool waited) {
  Outcome outcome = Outcome::kFits;
  if (no_ > 0) {
    outcome = Outcome::kDoesNotFit;
    conclusion_ = "it does not fit: " + Answers(no_) + " of no";
  } else if (unknown_ > 0) {
    outcome = Outcome::kCouldNotTell;
    conclusion_ = "it could not be told: " + Answers(unknown_) + " missing, " + std::to_string(yes_) + " of yes";
  } else if (is_shared && !had_host) {
    outcome = waited ? Outcome::kCouldNotTell : Outcome::kFits;
    conclusion_ =
        (waited ? "it could not be told: no second host has come; " : "it fits, as far as one host can tell: ") +
        Answers(yes_) + " of yes";
  } else {
    conclusion_ = "it fits: " + Answers(yes_) + " of yes";
  }
  out_ << directory_ << ": " << conclusion_ << std::endl;
  if (is_shared && !had_host) {
    out_ << "for the second host's answers run `sqlite-efs probe " << directory_
         << " --peer` there, and at the same time "
         << "`sqlite-efs probe " << directory_ << " --wait 60` here" << std::endl;
  }
  return outcome;
}

}  // namespace sqlite_efs::probe
