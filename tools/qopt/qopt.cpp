//===- qopt.cpp - The driver ----------------------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Dispatches to the commands and turns their errors, and our own crashes, into
// one line and an exit code.
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"
#include "Cli.h"
#include "qopt/Support/Version.h"
#include "qopt/Target/Emit.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <cstdlib>
#include <deque>
#include <fcntl.h>
#include <unistd.h>

using namespace qopt::cli;
namespace cl = llvm::cl;

static constexpr const char kBugAdvice[] =
    "this is a bug in qopt; please report it with the model, the command line "
    "and the folder written by --dump-phases";

cl::desc qopt::cli::keptDesc(std::string text) {
  static std::deque<std::string> texts;
  return cl::desc(texts.emplace_back(std::move(text)));
}

void qopt::cli::printWarning(const llvm::Twine &message) {
  llvm::errs() << "qopt: warning: " << message << '\n';
}

/// Prints one line per error, returns the exit code of the worst.
static int report(llvm::Error error) {
  ExitCode code = ExitCode::Done;
  auto print = [](llvm::StringRef message, llvm::StringRef suffix) {
    llvm::SmallVector<llvm::StringRef> lines;
    message.split(lines, '\n', -1, /*KeepEmpty=*/false);
    for (llvm::StringRef line : lines)
      llvm::errs() << "qopt: error: " << line << suffix << '\n';
  };
  llvm::handleAllErrors(
      std::move(error),
      [&](const CliError &e) {
        code = std::max(code, e.exitCode());
        std::string suffix;
        if (e.exitCode() == ExitCode::Internal)
          suffix = std::string("; ") + kBugAdvice;
        print(e.message(), suffix);
      },
      [&](const qopt::InternalError &e) {
        code = ExitCode::Internal;
        std::string message;
        llvm::raw_string_ostream os(message);
        e.log(os);
        print(message, std::string("; ") + kBugAdvice);
      },
      [&](const llvm::ErrorInfoBase &e) {
        code = std::max(code, ExitCode::Input);
        print(e.message(), "");
      });
  return static_cast<int>(code);
}

// Signal handlers may only call what is safe in one: write and _exit.
static void writeAndExit(llvm::StringRef what) {
  for (llvm::StringRef part :
       {llvm::StringRef("qopt: error: "), what, llvm::StringRef("; "),
        llvm::StringRef(kBugAdvice), llvm::StringRef("\n")})
    if (::write(STDERR_FILENO, part.data(), part.size()) < 0)
      break;
  ::_exit(static_cast<int>(ExitCode::Internal));
}

static void installCrashHandlers() {
  llvm::sys::AddSignalHandler([](void *) { writeAndExit("qopt crashed"); },
                              nullptr);
  llvm::install_fatal_error_handler(
      [](void *, const char *reason, bool) { writeAndExit(reason); });
}

/// A stdout that is closed stays so: no file may take its number, and what is
/// written to it is an error, not lost.
static void keepClosedStreamsClosed() {
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(fd, F_GETFD) < 0)
      ::open("/dev/null", O_RDONLY);
}

/// The last word on every way out, --help included: LLVM's streams would end
/// the process with a report of their own.
static void finishStandardStreams() {
  llvm::errs().clear_error();
  llvm::outs().flush();
  if (!llvm::outs().has_error())
    return;
  std::string why = llvm::outs().error().message();
  llvm::outs().clear_error();
  llvm::errs() << "qopt: error: cannot write standard output: " << why << '\n';
  llvm::errs().clear_error();
  ::_exit(static_cast<int>(ExitCode::Input));
}

/// The options of the LLVM libraries, --inline-threshold and the like, are not
/// the driver's: it keeps LLVM's --help and --version and nothing else.
static void removeForeignOptions() {
  for (cl::SubCommand *command :
       {&cl::SubCommand::getTopLevel(), &cl::SubCommand::getAll()}) {
    llvm::SmallVector<cl::Option *> foreign;
    for (const auto &[name, option] : cl::getRegisteredOptions(*command))
      if (!llvm::is_contained({"help", "h", "version"}, name))
        foreign.push_back(option);
    for (cl::Option *option : foreign)
      option->removeArgument();
  }
}

int main(int argc, char **argv) {
  keepClosedStreamsClosed();
  // Constructed first, the streams outlive what is said at exit.
  llvm::outs();
  llvm::errs();
  std::atexit(finishStandardStreams);
  installCrashHandlers();
  // A file beyond `ulimit -f` is a write that fails, like a disk that is full.
  // A handler, unlike SIG_IGN, is not inherited by the programs we start.
  std::signal(SIGXFSZ, [](int) {});
  cl::SetVersionPrinter([](llvm::raw_ostream &os) {
    os << "qopt " << QOPT_VERSION << ", LLVM " << LLVM_VERSION_STRING << '\n';
  });
  removeForeignOptions();
  std::unique_ptr<Command> commands[] = {
      createCompileCommand(), createCalibrateCommand(), createRunCommand(),
      createEvalCommand(), createBenchCommand()};
  if (llvm::Error error =
          checkArguments(llvm::ArrayRef(argv, argc).drop_front()))
    return report(std::move(error));
  std::string errors;
  llvm::raw_string_ostream errorStream(errors);
  if (!cl::ParseCommandLineOptions(
          argc, argv,
          "qopt compiles float models to calibrated, quantized native code\n",
          &errorStream))
    return report(parseError(errors));
  for (std::unique_ptr<Command> &command : commands)
    if (command->isSelected())
      return report(command->run());
  return report(usageError(
      "expected a command, got none; `qopt --help` lists the commands"));
}
