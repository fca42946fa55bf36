//===- Driver.cpp - The CUDA driver's interface over the machine ----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What runtime/qopt_cuda.c needs of libcuda, as a library to name in
// QOPT_LIBCUDA. All calls finish before they return. A kernel that faults is
// reported on stderr, and every later call fails, as on a GPU.
//
//   QOPT_EMULATOR_SM=75       the compute capability (default 90)
//   QOPT_EMULATOR_STATS=FILE  appends one line of figures per launch
//   QOPT_EMULATOR_BLOCKS=1    runs so many blocks of each grid, for figures
//                             of a kernel whose results are not needed
//
//===----------------------------------------------------------------------===//

#include "PtxMachine.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string>

using namespace ptx;

namespace {

enum Result {
  Success = 0,
  InvalidValue = 1,
  OutOfMemory = 2,
  InvalidPtx = 218,
  NoBinaryForGpu = 209,
  NotFound = 500,
  LaunchFailed = 719
};

struct Module {
  Program program;
};

struct State {
  std::mutex lock;
  GlobalMemory memory;
  bool isBroken = false;
  std::vector<void *> contexts;
};

State &state() {
  static State instance;
  return instance;
}

int computeCapability() {
  const char *text = getenv("QOPT_EMULATOR_SM");
  return text ? atoi(text) : 90;
}

uint64_t mostBlocks() {
  const char *text = getenv("QOPT_EMULATOR_BLOCKS");
  if (!text)
    return UINT64_MAX;
  char *end = nullptr;
  long long blocks = strtoll(text, &end, 10);
  if (blocks < 1 || *end)
    throw std::runtime_error("QOPT_EMULATOR_BLOCKS: expected a positive "
                             "number, got '" +
                             std::string(text) + "'");
  return blocks;
}

void writeStatistics(const Kernel &kernel, const Statistics &statistics) {
  const char *path = getenv("QOPT_EMULATOR_STATS");
  FILE *file = path ? fopen(path, "a") : nullptr;
  if (!file)
    return;
  fprintf(file,
          "%s instructions %llu mma %llu dp4a %llu ldmatrix %llu async_bytes "
          "%llu shared_passes %llu bank_conflicts %llu\n",
          kernel.name.c_str(), (unsigned long long)statistics.instructions,
          (unsigned long long)statistics.mma,
          (unsigned long long)statistics.dp4a,
          (unsigned long long)statistics.loadMatrix,
          (unsigned long long)statistics.asyncBytes,
          (unsigned long long)statistics.sharedAccesses,
          (unsigned long long)statistics.bankConflicts);
  fclose(file);
}

Result complain(const char *what, const std::exception &fault, Result code) {
  fprintf(stderr, "emulator: %s: %s\n", what, fault.what());
  return code;
}

} // namespace

extern "C" {

int cuInit(unsigned) { return Success; }

int cuGetErrorName(int code, const char **name) {
  static const std::pair<int, const char *> kNames[] = {
      {InvalidValue, "CUDA_ERROR_INVALID_VALUE"},
      {OutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY"},
      {InvalidPtx, "CUDA_ERROR_INVALID_PTX"},
      {NoBinaryForGpu, "CUDA_ERROR_NO_BINARY_FOR_GPU"},
      {NotFound, "CUDA_ERROR_NOT_FOUND"},
      {LaunchFailed, "CUDA_ERROR_LAUNCH_FAILED"}};
  *name = "CUDA_SUCCESS";
  for (auto [number, text] : kNames)
    if (number == code)
      *name = text;
  return Success;
}

int cuDeviceGetCount(int *count) {
  *count = computeCapability() > 0;
  return Success;
}

int cuDeviceGet(int *device, int) {
  *device = 0;
  return Success;
}

int cuDeviceGetAttribute(int *value, int attribute, int) {
  if (attribute != 75 && attribute != 76)
    return InvalidValue;
  *value =
      attribute == 75 ? computeCapability() / 10 : computeCapability() % 10;
  return Success;
}

int cuDevicePrimaryCtxRetain(void **context, int) {
  *context = &state();
  return Success;
}

int cuCtxGetCurrent(void **context) {
  std::lock_guard<std::mutex> guard(state().lock);
  auto &contexts = state().contexts;
  *context = contexts.empty() ? nullptr : contexts.back();
  return Success;
}

int cuCtxGetDevice(int *device) { return cuDeviceGet(device, 0); }

int cuCtxPushCurrent_v2(void *context) {
  std::lock_guard<std::mutex> guard(state().lock);
  state().contexts.push_back(context);
  return Success;
}

int cuCtxPopCurrent_v2(void **context) {
  std::lock_guard<std::mutex> guard(state().lock);
  auto &contexts = state().contexts;
  if (contexts.empty())
    return InvalidValue;
  *context = contexts.back();
  contexts.pop_back();
  return Success;
}

int cuModuleLoadData(void **module, const void *image) {
  // Machine code runs on a GPU only.
  if (!memcmp(image, "\177ELF", 4))
    return NoBinaryForGpu;
  try {
    *module = new Module{parse(static_cast<const char *>(image))};
    return Success;
  } catch (const std::exception &fault) {
    return complain("PTX", fault, InvalidPtx);
  }
}

int cuModuleGetFunction(void **function, void *module, const char *name) {
  auto &kernels = static_cast<Module *>(module)->program.kernels;
  auto it = kernels.find(name);
  if (it == kernels.end())
    return NotFound;
  *function = it->second.get();
  return Success;
}

int cuModuleUnload(void *module) {
  delete static_cast<Module *>(module);
  return Success;
}

/// Of 1 GiB.
int cuMemGetInfo_v2(size_t *free, size_t *total) {
  std::lock_guard<std::mutex> guard(state().lock);
  *total = size_t(1) << 30;
  *free = *total - state().memory.used();
  return Success;
}

/// Aligned as cuMemAlloc aligns, and filled with what nobody counts on.
int cuMemAlloc_v2(unsigned long long *pointer, size_t bytes) {
  void *memory = nullptr;
  if (bytes == 0 || posix_memalign(&memory, 256, (bytes + 15) / 16 * 16))
    return bytes ? OutOfMemory : InvalidValue;
  memset(memory, 0xA5, bytes);
  std::lock_guard<std::mutex> guard(state().lock);
  state().memory.add(memory, bytes);
  *pointer = (unsigned long long)memory;
  return Success;
}

int cuMemFree_v2(unsigned long long pointer) {
  void *memory = reinterpret_cast<void *>(pointer);
  std::lock_guard<std::mutex> guard(state().lock);
  if (!state().memory.remove(memory))
    return InvalidValue;
  free(memory);
  return Success;
}

int cuMemcpyHtoDAsync_v2(unsigned long long to, const void *from, size_t bytes,
                         void *) {
  memcpy(reinterpret_cast<void *>(to), from, bytes);
  return state().isBroken ? LaunchFailed : Success;
}

int cuMemcpyDtoHAsync_v2(void *to, unsigned long long from, size_t bytes,
                         void *) {
  memcpy(to, reinterpret_cast<void *>(from), bytes);
  return state().isBroken ? LaunchFailed : Success;
}

int cuStreamCreate(void **stream, unsigned) {
  static int only;
  *stream = &only;
  return Success;
}

int cuStreamSynchronize(void *) {
  return state().isBroken ? LaunchFailed : Success;
}

int cuLaunchKernel(void *function, unsigned gridX, unsigned gridY,
                   unsigned gridZ, unsigned blockX, unsigned blockY,
                   unsigned blockZ, unsigned sharedBytes, void *,
                   void **arguments, void **) {
  const Kernel &kernel = *static_cast<Kernel *>(function);
  std::lock_guard<std::mutex> guard(state().lock);
  if (state().isBroken)
    return LaunchFailed;
  std::vector<uint8_t> parameters(kernel.parameterBytes);
  // All of them are pointers.
  for (size_t at = 0; at < parameters.size(); at += 8)
    memcpy(&parameters[at], arguments[at / 8], 8);
  const unsigned grid[] = {gridX, gridY, gridZ},
                 block[] = {blockX, blockY, blockZ};
  Statistics statistics;
  try {
    launch(kernel, state().memory, grid, block, sharedBytes, parameters.data(),
           statistics, mostBlocks());
  } catch (const std::exception &fault) {
    state().isBroken = true;
    return complain(kernel.name.c_str(), fault, LaunchFailed);
  }
  writeStatistics(kernel, statistics);
  return Success;
}

} // extern "C"
