//===- EmulatedModel.cpp - Programs for other machines --------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Target/EmulatedModel.h"
#include "qopt/Support/Npy.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace qopt;

std::string EmulatedModel::file(const Twine &name) const {
  SmallString<128> path(folder);
  sys::path::append(path, name);
  return path.str().str();
}

static Error writeFile(StringRef path, StringRef bytes) {
  std::error_code code;
  raw_fd_ostream os(path, code);
  if (!code) {
    os << bytes;
    os.close();
    code = os.error();
    os.clear_error();
  }
  if (code)
    return createStringError(code, path + ": " + code.message());
  return Error::success();
}

/// Runs the command quietly; its first complaint becomes the error.
static Error execute(ArrayRef<std::string> command, StringRef log) {
  SmallVector<StringRef> arguments(command.begin(), command.end());
  std::optional<StringRef> redirects[] = {"", log, log};
  std::string message;
  int code = sys::ExecuteAndWait(command.front(), arguments, std::nullopt,
                                 redirects, 0, 0, &message);
  auto remove = scope_exit([&] { sys::fs::remove(log); });
  if (code == 0)
    return Error::success();
  if (auto text = MemoryBuffer::getFile(log))
    message += (*text)->getBuffer().trim().split('\n').first;
  return createStringError("the program under " + command.front() +
                           " failed with code " + Twine(code) +
                           (message.empty() ? "" : ": " + message));
}

Expected<SmallVector<std::string>>
EmulatedModel::findCommand(StringRef emulator) {
  SmallVector<StringRef> words;
  emulator.split(words, ' ', -1, /*KeepEmpty=*/false);
  if (words.empty())
    return createStringError("expected an emulator's command, got none");
  ErrorOr<std::string> tool = sys::findProgramByName(words.front());
  if (!tool)
    return createStringError(words.front() + ": expected a command on the "
                                             "PATH, got none");
  SmallVector<std::string> command = {*tool};
  for (StringRef word : drop_begin(words))
    command.push_back(word.str());
  return command;
}

Expected<std::unique_ptr<EmulatedModel>>
EmulatedModel::create(StringRef program, const ModelInfo &info,
                      StringRef emulator) {
  std::unique_ptr<EmulatedModel> emulated(new EmulatedModel());
  emulated->model = info;
  auto command = findCommand(emulator);
  if (!command)
    return command.takeError();
  emulated->command = std::move(*command);
  SmallString<128> folder;
  if (std::error_code code = sys::fs::createUniqueDirectory("qopt", folder))
    return createStringError(code, "a temporary folder cannot be made: " +
                                       code.message());
  emulated->folder = folder.str().str();
  emulated->command.push_back(emulated->file("program"));
  const std::string &path = emulated->command.back();
  if (Error error = writeFile(path, program))
    return std::move(error);
  if (std::error_code code = sys::fs::setPermissions(path, sys::fs::owner_all))
    return createStringError(code, path + ": " + code.message());
  return emulated;
}

EmulatedModel::~EmulatedModel() {
  if (!folder.empty())
    sys::fs::remove_directories(folder);
}

Expected<std::vector<EmulatedModel::Tensors>>
EmulatedModel::run(ArrayRef<ArrayRef<HostTensor>> samples) const {
  std::string prefix = std::to_string(runs++) + ".";
  SmallVector<std::string> files, arguments = command;
  auto remove = scope_exit([&] {
    for (const std::string &path : files)
      sys::fs::remove(path);
  });
  auto addFile = [&] {
    files.push_back(file(prefix + std::to_string(files.size()) + ".npy"));
    arguments.push_back(files.back());
    return files.back();
  };
  arguments.push_back("--input");
  for (ArrayRef<HostTensor> inputs : samples)
    for (const HostTensor &input : inputs) {
      std::string bytes;
      raw_string_ostream os(bytes);
      printNpy(os, input);
      if (Error error = writeFile(addFile(), bytes))
        return std::move(error);
    }
  arguments.push_back("--output");
  size_t next = files.size();
  for (size_t i = 0; i < samples.size() * model.outputs.size(); ++i)
    addFile();
  if (Error error = execute(arguments, file(prefix + "log")))
    return std::move(error);
  std::vector<Tensors> results(samples.size());
  for (Tensors &outputs : results)
    while (outputs.size() < model.outputs.size()) {
      Expected<HostTensor> tensor = readNpy(files[next++]);
      if (!tensor)
        return tensor.takeError();
      outputs.push_back(std::move(*tensor));
    }
  return results;
}
