#ifndef SQLITE_EFS_SIM_WORLD_H_
#define SQLITE_EFS_SIM_WORLD_H_

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "sim/dynamodb_table.h"
#include "sim/faults.h"
#include "sim/file_server.h"
#include "sim/host.h"
#include "sim/lease_service.h"
#include "sim/random.h"
#include "sim/scheduler.h"

namespace sqlite_efs::sim {

class World;
struct Process;

struct OpenFile {
  Process* process = nullptr;  // null once it is closed
  Ino ino = 0;
  OpenId open = 0;
  bool writable = false;
};

// A simulated operating system process.
struct Process {
  World* world = nullptr;
  Host* host = nullptr;
  int number = 0;    // counted from 1 in its history
  int slot = -1;     // see slots.h
  uint8_t user = 0;  // who it runs as: 0 owns the database
  Actor actor;
  Time dead_clock = 0;
  Time disturbed = 0;  // how long faults have held it up
  std::vector<OpenFile*> open;

  bool dead() const { return actor.dead; }
};

struct Counts {
  std::array<uint64_t, kFaultKinds> faults = {};
  std::array<uint64_t, kOps> calls = {};
  uint64_t seals = 0;
  uint64_t claims = 0;
  uint64_t copyings = 0;  // of segments into the base, begun
  uint64_t merges = 0;
  uint64_t takeovers = 0;
  uint64_t detaches = 0;
};

// One history's machines, files and misfortunes.
class World {
 public:
  explicit World(uint64_t seed);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  static World* Present();  // the one there is

  FileServer server;
  LeaseService service;
  DynamoDbTable dynamodb;
  std::vector<std::unique_ptr<Host>> hosts;
  std::deque<Process> processes;
  std::vector<Fault> faults;
  bool faults_enabled = true;
  uint64_t faults_met = 0;
  Time troubled_until = -1;        // a call on a file may fail, or what failed may happen
  uint64_t reopening = 6;          // one task in so many is followed by a new connection
  uint64_t autocheckpoint = 1000;  // frames: each connection's setting
  Counts counts;
  uint64_t calls = 0;
  Random random;   // of whatever the product draws
  Random latency;  // of whatever takes time

  Host& AddHost(bool local);
  Process& AddProcess(Host& host, uint8_t user);
  void Kill(Process& process);
  void KillHost(Host& host);
  bool IsOpenOn(const Host& host, Ino ino) const;
  // What its kernel does when a process of that host has closed a file.
  void Close(Host& host, const OpenFile& file);
  // At the beginning of each call: counts it, and lets happen what is due.
  Verdict Entering(Process& process, Op op);
  // Lets those that are left happen soon.
  void HastenFaults();
  // Somebody has got on: ends the holds that waited for it. The counts say how far.
  void Progress();
  // Lets the time of half a call pass.
  void Travel(Process& process, bool remote, Time extra);
  // Waits until the host has a network; false after the time that a soft mount has patience.
  bool AwaitNetwork(Process& process);
  // Lets `effect` happen some time after its call has failed, or not at all.
  void Later(std::function<void()> effect);

  // What happened, for the trace and its hash.
  bool tracing = false;
  uint64_t hash = 0;
  // A call's details, for the next Note().
  void Detail(uint64_t a, uint64_t b) { details_ = {a, b}; }
  void Note(const Process& process, Op op, const std::string& path, int code);
  void Say(const char* format, ...) __attribute__((format(printf, 2, 3)));

 private:
  void RemoveHidden(Host& host, Ino ino);
  void Happen(Process& process, const Fault& fault, Op op, Verdict* verdict);
  void Stop(Process& process);
  void Continue(Process& process, Time since);
  void Freeze(Host& host, bool clock_stands);
  void Thaw(Host& host, Time since);
  void HoldUntilProgress(const Fault& fault, std::function<void()> end);

  // What waits until as much has happened, or its time is over.
  struct Hold {
    uint64_t seals = 0;
    uint64_t merges = 0;
    uint64_t copyings = 0;
    std::function<void()> end;  // null: it is over
  };

  std::pair<uint64_t, uint64_t> details_;
  std::deque<Hold> holds_;
};

}  // namespace sqlite_efs::sim

#endif  // SQLITE_EFS_SIM_WORLD_H_
