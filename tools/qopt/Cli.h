//===- Cli.h - What the commands of the driver share ----------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exit codes, the error that carries one, and the commands. A
// command returns an error; only main prints it.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TOOLS_QOPT_CLI_H
#define QOPT_TOOLS_QOPT_CLI_H

#include "llvm/ADT/Twine.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>

namespace qopt::cli {

enum class ExitCode {
  Done = 0,
  /// The model, the data, a file or its destination is at fault.
  Input = 1,
  /// The command line is at fault.
  Usage = 2,
  /// qopt is at fault.
  Internal = 70,
};

/// An error that knows the exit code. Errors of the libraries, which do not,
/// are the input's fault.
class CliError : public llvm::ErrorInfo<CliError> {
public:
  static char ID;
  CliError(ExitCode code, std::string message)
      : code(code), text(std::move(message)) {}

  void log(llvm::raw_ostream &os) const override { os << text; }
  std::error_code convertToErrorCode() const override {
    return llvm::inconvertibleErrorCode();
  }
  ExitCode exitCode() const { return code; }

private:
  ExitCode code;
  std::string text;
};

inline llvm::Error inputError(const llvm::Twine &message) {
  return llvm::make_error<CliError>(ExitCode::Input, message.str());
}
inline llvm::Error usageError(const llvm::Twine &message) {
  return llvm::make_error<CliError>(ExitCode::Usage, message.str());
}
inline llvm::Error internalError(const llvm::Twine &message) {
  return llvm::make_error<CliError>(ExitCode::Internal, message.str());
}

/// A description for an option, which refers to it and does not copy it: kept
/// for good.
llvm::cl::desc keptDesc(std::string text);

/// Keeps why the value of an option is no number; it becomes the one error of
/// the command line.
void noteBadNumber(llvm::StringRef option, llvm::StringRef expected,
                   llvm::StringRef got);

/// Reads a number, as LLVM's parser does, which prints what it refuses.
template <typename T>
class NumberParser : public llvm::cl::parser<T> {
public:
  using llvm::cl::parser<T>::parser;

  bool parse(llvm::cl::Option &option, llvm::StringRef /*name*/,
             llvm::StringRef text, T &value) {
    bool failed;
    if constexpr (std::is_floating_point_v<T>)
      failed = text.getAsDouble(value);
    else
      failed = text.getAsInteger(0, value);
    if (failed)
      noteBadNumber(option.ArgStr,
                    std::is_floating_point_v<T> ? "a number"
                    : std::is_unsigned_v<T>     ? "a number of 0 or more"
                                                : "a whole number",
                    text);
    return failed;
  }
};
/// 262144, 256K and 256KiB are the same; M, MiB, G and GiB alike. Whether
/// `text` is none of them.
bool parseByteCount(llvm::StringRef text, long long &value);

/// Reads a number of bytes.
class ByteParser : public llvm::cl::parser<long long> {
public:
  using llvm::cl::parser<long long>::parser;

  bool parse(llvm::cl::Option &option, llvm::StringRef /*name*/,
             llvm::StringRef text, long long &value) {
    bool failed = parseByteCount(text, value);
    if (failed)
      noteBadNumber(option.ArgStr, "bytes, like 262144, 256K or 256KiB", text);
    return failed;
  }
};
using ByteOption =
    llvm::cl::opt<long long, /*ExternalStorage=*/false, ByteParser>;

/// Of long long for int64_t: LLVM's parser of long cannot be derived from.
template <typename T>
using NumberOption =
    llvm::cl::opt<T, /*ExternalStorage=*/false, NumberParser<T>>;

/// One line on stderr: `qopt: warning: MESSAGE`.
void printWarning(const llvm::Twine &message);

/// A command: a subcommand of the command line that owns its options.
class Command {
public:
  virtual ~Command() = default;
  virtual llvm::Error run() = 0;

  /// Whether the command line asked for this command.
  bool isSelected() { return static_cast<bool>(subCommand); }

protected:
  Command(llvm::StringRef name, llvm::StringRef description)
      : subCommand(name, description) {}

  llvm::cl::SubCommand subCommand;
};

std::unique_ptr<Command> createBenchCommand();
std::unique_ptr<Command> createCalibrateCommand();
std::unique_ptr<Command> createCompileCommand();
std::unique_ptr<Command> createEvalCommand();
std::unique_ptr<Command> createRunCommand();

} // namespace qopt::cli

#endif // QOPT_TOOLS_QOPT_CLI_H
