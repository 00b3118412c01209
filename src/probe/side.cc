#include "probe/side.h"

#include <algorithm>

#include "probe/words.h"

namespace sqlite_efs::probe {

Result<std::string> Side::Do(const std::string& request) {
  EFS_RETURN_IF_ERROR(Begin(request));
  return End();
}

Result<std::string> Side::End() {
  EFS_ASSIGN_OR_RETURN(const std::string answer, hand_.Receive());
  return ParseAnswerLine(answer);
}

Result<std::unique_ptr<SideFile>> Side::Open(const std::string& name, const std::string& mode) {
  const std::string id = "f" + std::to_string(++opened_);
  EFS_RETURN_IF_ERROR(Do(JoinWords("open", id, name, mode)).status());
  return std::make_unique<SideFile>(*this, id);
}

Result<std::vector<std::string>> Side::List(const std::string& name) {
  EFS_ASSIGN_OR_RETURN(const std::string names, Do("list " + name));
  return SplitWords(names);
}

Result<bool> Side::Lists(const std::string& name) {
  EFS_ASSIGN_OR_RETURN(const std::vector<std::string> names, List());
  return std::find(names.begin(), names.end(), name) != names.end();
}

Result<FileAttributes> Side::Stat(const std::string& name) {
  EFS_ASSIGN_OR_RETURN(const std::string text, Do("stat " + name));
  return ParseAttributes(text);
}

Status Side::Link(const std::string& from, const std::string& to) { return Do(JoinWords("link", from, to)).status(); }

Status Side::Rename(const std::string& from, const std::string& to) {
  return Do(JoinWords("rename", from, to)).status();
}

Status Side::Remove(const std::string& name) { return Do("remove " + name).status(); }

Status Side::MakeDirectory(const std::string& name) { return Do("mkdir " + name).status(); }

Status Side::Make(const std::string& name, uint64_t length, uint32_t seed) {
  EFS_ASSIGN_OR_RETURN(const std::unique_ptr<SideFile> file, Open(name, "new"));
  EFS_RETURN_IF_ERROR(file->Write(0, length, seed));
  return file->Sync();
}

Result<FileAttributes> SideFile::Look() {
  EFS_ASSIGN_OR_RETURN(const std::string text, side_.Do("look " + id_));
  return ParseAttributes(text);
}

Result<FileAttributes> SideFile::Touch() {
  EFS_ASSIGN_OR_RETURN(const std::string text, side_.Do("touch " + id_));
  return ParseAttributes(text);
}

Result<std::string> SideFile::Read(uint64_t offset, uint64_t length) {
  return side_.Do(JoinWords("read", id_, std::to_string(offset), std::to_string(length)));
}

Status SideFile::Write(uint64_t offset, uint64_t length, uint32_t seed) {
  return side_.Do(JoinWords("write", id_, std::to_string(offset), std::to_string(length), std::to_string(seed)))
      .status();
}

Status SideFile::Sync() { return side_.Do("sync " + id_).status(); }

Status SideFile::Truncate(uint64_t size) { return side_.Do(JoinWords("truncate", id_, std::to_string(size))).status(); }

Status SideFile::ChangeMode(uint32_t mode) { return side_.Do(JoinWords("chmod", id_, std::to_string(mode))).status(); }

Result<bool> SideFile::TryLock() {
  EFS_ASSIGN_OR_RETURN(const std::string locked, side_.Do("lock " + id_));
  return locked == "yes";
}

Status SideFile::Unlock() { return side_.Do("unlock " + id_).status(); }

// The answer of the inner actor arrives as the text of the outer one's.
Result<std::string> SubHand::Receive() {
  const Result<std::string> answer = side_.End();
  return AnswerLine(answer);
}

}  // namespace sqlite_efs::probe
