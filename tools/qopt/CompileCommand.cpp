//===- CompileCommand.cpp - qopt compile ----------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelBuilder.h"
#include "qopt/Support/AtomicFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"

using namespace mlir;
namespace cl = llvm::cl;

namespace qopt::cli {

namespace {
class CompileCommand : public Command {
public:
  CompileCommand() : Command("compile", "Compile a model ahead of time") {}
  llvm::Error run() override;

private:
  llvm::Error dumpPhase(ModuleOp module, Phase phase);

  ModelOptions model{subCommand};
  BuildOptions build{subCommand};
  cl::opt<std::string> output{"o", cl::desc("Output file, - is stdout"),
                              cl::value_desc("PATH"), cl::init("-"),
                              cl::sub(subCommand)};
  cl::opt<std::string> compileTo{
      "compile-to", cl::desc("Stop after phase PHASE"), cl::value_desc("PHASE"),
      cl::init("llvm"), cl::sub(subCommand)};
  cl::opt<std::string> emit{"emit", cl::desc("What to write: mlir"),
                            cl::value_desc("KIND"), cl::init("mlir"),
                            cl::sub(subCommand)};
  cl::opt<std::string> dumpPhases{
      "dump-phases", cl::desc("Write NN.PHASE.mlir of every phase"),
      cl::value_desc("DIR"), cl::sub(subCommand)};
};
} // namespace

static void printModule(ModuleOp module, llvm::raw_ostream &os) {
  // Locations hold the nodes' names, without which no later phase is valid.
  module.print(os, OpPrintingFlags().enableDebugInfo());
  os << '\n';
}

static llvm::Error writeModule(ModuleOp module, StringRef path) {
  return writeFileAtomically(path, [&](llvm::raw_ostream &os) {
    printModule(module, os);
    return llvm::Error::success();
  });
}

llvm::Error CompileCommand::dumpPhase(ModuleOp module, Phase phase) {
  if (std::error_code code =
          llvm::sys::fs::create_directories(dumpPhases.getValue()))
    return inputError(dumpPhases + ": cannot be created: " + code.message());
  std::string name;
  llvm::raw_string_ostream(name)
      << llvm::format("%02d.", static_cast<int>(phase)) << phaseInfo(phase).name
      << ".mlir";
  SmallString<128> path(dumpPhases.getValue());
  llvm::sys::path::append(path, name);
  return writeModule(module, path);
}

llvm::Error CompileCommand::run() {
  llvm::Expected<Phase> to = parsePhaseOption("compile-to", compileTo);
  if (!to)
    return to.takeError();
  Session session;
  auto module =
      buildModel(session, model, build, *to, [&](ModuleOp module, Phase phase) {
        return dumpPhases.empty() ? llvm::Error::success()
                                  : dumpPhase(module, phase);
      });
  if (!module)
    return module.takeError();
  return writeModule(**module, output);
}

std::unique_ptr<Command> createCompileCommand() {
  return std::make_unique<CompileCommand>();
}

} // namespace qopt::cli
