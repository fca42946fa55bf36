//===- Arguments.cpp - What a command line must be like -------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"
#include "Cli.h"
#include "qopt/Support/DidYouMean.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"
#include <string>
#include <vector>

namespace cl = llvm::cl;

namespace qopt::cli {

static constexpr llvm::StringLiteral kHelp =
    "; `qopt --help` and `qopt COMMAND --help` help";

/// Of the number that a NumberParser refused.
static std::string &badNumber() {
  static std::string message;
  return message;
}

void noteBadNumber(llvm::StringRef option, llvm::StringRef expected,
                   llvm::StringRef got) {
  badNumber() = ((option.size() > 1 ? "--" : "-") + option + ": expected " +
                 expected + ", got '" + got + "'")
                    .str();
}

bool parseByteCount(llvm::StringRef text, long long &value) {
  llvm::StringRef number =
      text.take_while([](char c) { return llvm::isDigit(c) || c == '-'; });
  llvm::StringRef unit = text.drop_front(number.size());
  int shift = llvm::StringSwitch<int>(unit)
                  .Case("", 0)
                  .Cases({"K", "KiB"}, 10)
                  .Cases({"M", "MiB"}, 20)
                  .Cases({"G", "GiB"}, 30)
                  .Default(-1);
  return shift < 0 || number.getAsInteger(10, value) ||
         llvm::MulOverflow(value, 1ll << shift, value);
}

llvm::Error parseError(llvm::StringRef text) {
  if (!badNumber().empty())
    return usageError(badNumber());
  llvm::StringRef line = text.take_until([](char c) { return c == '\n'; });
  line.consume_front("qopt: ");
  line = line.substr(0, line.find("  Try:"));
  line = line.rtrim("!.");
  return usageError(line + kHelp);
}

static llvm::Error checkCommand(llvm::StringRef name, cl::SubCommand *&found) {
  llvm::SmallVector<llvm::StringRef> names;
  for (cl::SubCommand *command : cl::getRegisteredSubcommands()) {
    // Those of the top level and of all commands have no name.
    if (!command->getName().empty())
      names.push_back(command->getName());
    if (command->getName() == name)
      found = command;
  }
  llvm::sort(names);
  if (found)
    return llvm::Error::success();
  return usageError("expected a command, one of " + llvm::join(names, ", ") +
                    ", got '" + name + "'" + didYouMean(name, names));
}

/// The option that `name` stands for, `O3` being one with its value.
static cl::Option *findOption(cl::SubCommand &command, llvm::StringRef name,
                              bool &hasValue) {
  auto &options = cl::getRegisteredOptions(command);
  if (auto it = options.find(name); it != options.end())
    return it->second;
  for (const auto &[prefix, option] : options)
    if (option->getFormattingFlag() == cl::Prefix && name.starts_with(prefix)) {
      hasValue = true;
      return option;
    }
  return nullptr;
}

static llvm::Error unknownOption(cl::SubCommand &command, llvm::StringRef flag,
                                 llvm::StringRef argument) {
  std::vector<std::string> flags;
  for (const auto &[name, option] : cl::getRegisteredOptions(command))
    flags.push_back(((name.size() > 1 ? "--" : "-") + name).str());
  llvm::sort(flags);
  llvm::SmallVector<llvm::StringRef> names(flags.begin(), flags.end());
  return usageError("expected an option of `qopt " + command.getName() +
                    " --help`, got '" + argument + "'" +
                    didYouMean(flag, names));
}

/// Whether the whole line is for LLVM's parser: a call for help, or one that it
/// reads from a file first.
static bool isForParser(llvm::ArrayRef<const char *> arguments) {
  return llvm::any_of(arguments, [](llvm::StringRef argument) {
    return llvm::is_contained({"--help", "-help", "-h", "--h"}, argument) ||
           argument.starts_with("@");
  });
}

llvm::Error checkArguments(llvm::ArrayRef<const char *> arguments) {
  if (arguments.empty() || isForParser(arguments) ||
      llvm::StringRef(arguments.front()).starts_with("-"))
    return llvm::Error::success();
  cl::SubCommand *command = nullptr;
  if (llvm::Error error = checkCommand(arguments.front(), command))
    return error;
  llvm::StringRef model;
  llvm::DenseMap<cl::Option *, llvm::StringRef> values;
  for (size_t i = 1; i < arguments.size(); ++i) {
    llvm::StringRef argument = arguments[i];
    if (argument == "-" || !argument.starts_with("-")) {
      if (!model.empty())
        return usageError("expected one MODEL, got '" + model + "' and '" +
                          argument + "'");
      model = argument;
      continue;
    }
    auto [flag, value] = argument.split('=');
    bool hasValue = argument.contains('=');
    llvm::StringRef name = flag.ltrim('-');
    cl::Option *option = findOption(*command, name, hasValue);
    if (!option)
      return unknownOption(*command, flag, argument);
    if (!hasValue && option->getValueExpectedFlag() == cl::ValueRequired) {
      if (++i == arguments.size())
        return usageError(
            flag + ": expected " +
            (option->ValueStr.empty() ? "a value" : option->ValueStr) +
            ", got none");
      value = arguments[i];
    }
    bool isNew = values.try_emplace(option, value).second;
    if (!isNew && option->getNumOccurrencesFlag() == cl::Optional)
      return usageError(flag + ": expected once, got '" + values[option] +
                        "' and '" + value + "'");
  }
  if (model.empty())
    return usageError("expected MODEL, got none" + llvm::Twine(kHelp));
  return llvm::Error::success();
}

} // namespace qopt::cli
