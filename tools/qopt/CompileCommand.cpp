//===- CompileCommand.cpp - qopt compile ----------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelOptions.h"
#include "qopt/Pipelines/Pipelines.h"
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
  cl::opt<std::string> output{"o", cl::desc("Output file, - is stdout"),
                              cl::value_desc("PATH"), cl::init("-"),
                              cl::sub(subCommand)};
  cl::opt<std::string> compileFrom{
      "compile-from", cl::desc("MODEL is MLIR in phase PHASE"),
      cl::value_desc("PHASE"), cl::init("input"), cl::sub(subCommand)};
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
  std::error_code code;
  llvm::raw_fd_ostream os(path, code);
  if (code)
    return inputError(path + ": cannot be written: " + code.message());
  printModule(module, os);
  return llvm::Error::success();
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

static llvm::Expected<Phase> phaseOption(StringRef flag, StringRef value) {
  if (std::optional<Phase> phase = parsePhase(value))
    return *phase;
  return usageError("--" + flag + ": expected one of " + phaseNames() +
                    ", got '" + value + "'");
}

llvm::Error CompileCommand::run() {
  llvm::Expected<Phase> from = phaseOption("compile-from", compileFrom);
  if (!from)
    return from.takeError();
  llvm::Expected<Phase> to = phaseOption("compile-to", compileTo);
  if (!to)
    return to.takeError();
  llvm::Expected<LoadOptions> options = model.loadOptions();
  if (!options)
    return options.takeError();

  Session session;
  auto module = session.load(model.path, *options);
  if (!module)
    return module.takeError();

  llvm::Error dumpError = llvm::Error::success();
  auto atPhase = [&](Phase phase) -> LogicalResult {
    if (dumpPhases.empty())
      return success();
    llvm::consumeError(std::move(dumpError));
    dumpError = dumpPhase(**module, phase);
    return failure(static_cast<bool>(dumpError));
  };
  std::optional<Phase> reached;
  LogicalResult result =
      compilePhases(**module, *from, *to, PhaseOptions(), atPhase, &reached);
  if (dumpError)
    return dumpError;
  if (failed(result)) {
    bool inputsFault = !reached || *reached < Phase::Float;
    return session.takeError(
        inputsFault ? ExitCode::Input : ExitCode::Internal,
        "the step after phase '" +
            (reached ? StringRef(phaseInfo(*reached).name) : "none") +
            "' failed");
  }
  return writeModule(**module, output);
}

std::unique_ptr<Command> createCompileCommand() {
  return std::make_unique<CompileCommand>();
}

} // namespace qopt::cli
