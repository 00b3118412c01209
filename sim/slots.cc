#include "sim/slots.h"

#include <array>
#include <cassert>
#include <optional>

#include "lease/embedded_lease_store.h"
#include "sim/clocks.h"
#include "sim/dynamodb_service.h"
#include "sim/files.h"
#include "sim/stock_vfs.h"
#include "vfs/vfs.h"

namespace sqlite_efs::sim {
namespace {

struct Slot {
  Process* process = nullptr;
  Settings settings;
  SimClock clock{&process};
  SimFiles files{&process};
  Environment environment{
      files, clock, [this]() -> std::unique_ptr<Alarm> { return NewSimAlarm(*process); },
      [this](const Layout& layout, const Layout& prepared, uint32_t permissions) -> std::unique_ptr<LeaseStore> {
        if (settings.lease_store == Settings::LeaseStore::kService) return NewServiceLeaseStore(*process);
        if (settings.lease_store == Settings::LeaseStore::kDynamoDb) return NewDynamoDbLeaseStore(*process, clock);
        return std::make_unique<EmbeddedLeaseStore>(files, layout.lease(), permissions, prepared.lease());
      }};
};

std::array<Slot, kSlots>& Slots() {
  static auto* slots = new std::array<Slot, kSlots>;
  return *slots;
}

std::string Name(size_t slot) { return "sim" + std::to_string(slot); }

}  // namespace

void RegisterSlots() {
  RegisterStockVfs();
  for (size_t i = 0; i < kSlots; i++) {
    if (RegisterVfs(Slots()[i].environment, false, Name(i)) != 0) std::abort();
  }
}

bool TakeSlot(Process& process, const Settings& settings) {
  for (int i = 0; i < kSlots; i++) {
    Slot& slot = Slots()[static_cast<size_t>(i)];
    if (slot.process != nullptr) continue;
    ForgetDatabases(Name(static_cast<size_t>(i)));
    slot.process = &process;
    slot.settings = settings;
    slot.environment.spill_bytes = settings.spill_bytes;
    slot.environment.merge = settings.merge;
    process.slot = i;
    return true;
  }
  return false;
}

void LeaveSlot(Process& process) {
  if (process.slot >= 0) Slots()[static_cast<size_t>(process.slot)].process = nullptr;
  process.slot = -1;
}

const Environment& EnvironmentOf(const Process& process) {
  assert(process.slot >= 0);
  return Slots()[static_cast<size_t>(process.slot)].environment;
}

std::string VfsOf(const Process& process) { return Name(static_cast<size_t>(process.slot)); }

std::string PathOf(const Process& process, const std::string& path) {
  return "/" + std::to_string(process.slot) + path;
}

Process* CurrentProcess() {
  const Thread* const thread = Scheduler::Get().current();
  return thread == nullptr ? nullptr : thread->actor->process;
}

}  // namespace sqlite_efs::sim
