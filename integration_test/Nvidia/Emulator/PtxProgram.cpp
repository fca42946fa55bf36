//===- PtxProgram.cpp - Decodes PTX ---------------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PtxProgram.h"
#include "PtxMachine.h"
#include <algorithm>
#include <cctype>
#include <cstring>
#include <sstream>

using namespace ptx;

bool Instruction::has(const std::string &part) const {
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

namespace {

/// Statements: up to ';', '{', '}' or a label's ':', without comments.
class Lexer {
public:
  explicit Lexer(const std::string &text) : text(text) {}

  /// The next statement without its end, which goes to `end`; false at the end
  /// of the text. A brace inside an instruction is no end.
  bool next(std::string &statement, char &end) {
    statement.clear();
    int depth = 0;
    for (; at < text.size(); ++at) {
      char c = text[at];
      if (c == '/' && text.compare(at, 2, "//") == 0) {
        while (at < text.size() && text[at] != '\n')
          ++at;
        c = '\n';
      }
      bool opens = c == '{' && (statement.empty() || statement[0] == '.') &&
                   statement.find('=') == std::string::npos;
      bool closes = c == '}' && depth == 0;
      bool label = c == ':' && !statement.empty() &&
                   statement.find(' ') == std::string::npos;
      if (c == ';' || opens || closes || label) {
        end = c;
        ++at;
        while (!statement.empty() && isspace(statement.back()))
          statement.pop_back();
        return true;
      }
      depth += c == '{' ? 1 : c == '}' ? -1 : 0;
      if (isspace(c)) {
        endDirective(statement);
        if (!statement.empty() && statement.back() != ' ')
          statement += ' ';
        continue;
      }
      statement += c;
    }
    return false;
  }

private:
  /// ".version 7.0" and its like have no end but that of the line.
  void endDirective(std::string &statement) const {
    static const char *const kDirectives[] = {".version ", ".target ",
                                              ".address_size "};
    if (text[std::min(at, text.size() - 1)] != '\n')
      return;
    for (const char *directive : kDirectives)
      if (statement.rfind(directive, 0) == 0)
        statement.clear();
  }

  const std::string &text;
  size_t at = 0;
};

/// Instructions that may follow `at`; one past the end is the kernel's end.
std::vector<size_t> successors(const std::vector<Instruction> &code,
                               size_t at) {
  const Instruction &instruction = code[at];
  const std::string &name = instruction.parts[0];
  std::vector<size_t> after(instruction.targets.begin(),
                            instruction.targets.end());
  bool leaves = name == "ret" || name == "exit";
  if (leaves)
    after.push_back(code.size());
  if (instruction.guard >= 0 || (!leaves && after.empty()))
    after.push_back(at + 1);
  return after;
}

/// Immediate post-dominators, by the algorithm of Cooper, Harvey and Kennedy on
/// the reversed graph. Instructions that lead nowhere have none.
void findMeetings(std::vector<Instruction> &code) {
  size_t end = code.size();
  std::vector<std::vector<size_t>> before(end + 1), after(end);
  for (size_t at = 0; at < end; ++at) {
    after[at] = successors(code, at);
    for (size_t next : after[at])
      before[next].push_back(at);
  }
  // Postorder of the reversed graph, from the end.
  std::vector<int> order(end + 1, -1);
  std::vector<size_t> sequence;
  std::vector<std::pair<size_t, size_t>> todo{{end, 0}};
  std::vector<bool> seen(end + 1);
  seen[end] = true;
  while (!todo.empty()) {
    auto &[at, next] = todo.back();
    if (next == before[at].size()) {
      order[at] = int(sequence.size());
      sequence.push_back(at);
      todo.pop_back();
    } else if (size_t from = before[at][next++]; !seen[from]) {
      seen[from] = true;
      todo.push_back({from, 0});
    }
  }
  std::vector<size_t> meeting(end + 1, SIZE_MAX);
  meeting[end] = end;
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = sequence.size() - 1; i-- > 0;) {
      size_t at = sequence[i], common = SIZE_MAX;
      for (size_t next : after[at]) {
        if (order[next] < 0 || meeting[next] == SIZE_MAX)
          continue;
        size_t other = next;
        while (common != SIZE_MAX && common != other) {
          size_t &lower = order[common] < order[other] ? common : other;
          lower = meeting[lower];
        }
        common = other;
      }
      changed |= meeting[at] != common;
      meeting[at] = common;
    }
  }
  for (size_t at = 0; at < end; ++at)
    if (meeting[at] < end)
      code[at].meeting = int(meeting[at]);
}

class Parser {
public:
  Program run(const std::string &text);

private:
  void declare(const std::string &statement);
  void declareVariable(const std::string &statement);
  void declareParameters(const std::string &statement);
  void startKernel(const std::string &statement);
  void finishKernel();
  void addInstruction(const std::string &statement);
  Operand parseOperand(std::string text);
  Operand parseAddress(const std::string &text);
  uint64_t symbolAddress(const std::string &name) const;
  int registerNumber(const std::string &name) const;

  Program program;
  Kernel *kernel = nullptr;
  std::map<std::string, int> registers, labels;
  /// By the label in front of ".branchtargets a, b".
  std::map<std::string, std::vector<std::string>> branchTargets;
  std::string lastLabel;
  std::map<std::string, uint64_t> symbols;
  uint64_t moduleShared = 0;
};

[[noreturn]] void unknown(const std::string &what, const std::string &text) {
  throw Fault("PTX: unknown " + what + ": " + text);
}

std::vector<std::string> split(const std::string &text, char separator) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);)
    parts.push_back(part);
  return parts;
}

std::string trim(const std::string &text) {
  size_t first = text.find_first_not_of(" \t\n"),
         last = text.find_last_not_of(" \t\n");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

bool parseType(const std::string &part, Type &type) {
  if (part == "pred") {
    type = {'p', 1};
    return true;
  }
  if (part.size() < 2 || !strchr("busf", part[0]) || !isdigit(part[1]))
    return false;
  for (char c : part.substr(1))
    if (!isdigit(c))
      return false;
  type = {part[0], atoi(part.c_str() + 1)};
  return true;
}

uint64_t parseNumber(const std::string &text) {
  if (text.rfind("0f", 0) == 0 || text.rfind("0F", 0) == 0 ||
      text.rfind("0d", 0) == 0 || text.rfind("0D", 0) == 0)
    return strtoull(text.c_str() + 2, nullptr, 16);
  char *end = nullptr;
  uint64_t value = text[0] == '-' ? uint64_t(strtoll(text.c_str(), &end, 0))
                                  : strtoull(text.c_str(), &end, 0);
  if (*end && *end != 'U')
    unknown("operand", text);
  return value;
}

const std::map<std::string, SpecialRegister> kSpecial = {
    {"%tid.x", TidX},       {"%tid.y", TidY},       {"%tid.z", TidZ},
    {"%ntid.x", NtidX},     {"%ntid.y", NtidY},     {"%ntid.z", NtidZ},
    {"%ctaid.x", CtaidX},   {"%ctaid.y", CtaidY},   {"%ctaid.z", CtaidZ},
    {"%nctaid.x", NctaidX}, {"%nctaid.y", NctaidY}, {"%nctaid.z", NctaidZ},
    {"%laneid", LaneId}};

int Parser::registerNumber(const std::string &name) const {
  auto it = registers.find(name);
  return it == registers.end() ? -1 : it->second;
}

uint64_t Parser::symbolAddress(const std::string &name) const {
  if (auto it = symbols.find(name); it != symbols.end())
    return it->second;
  if (auto it = kernel->parameters.find(name); it != kernel->parameters.end())
    return it->second;
  unknown("name", name);
}

Operand Parser::parseAddress(const std::string &text) {
  Operand operand;
  operand.kind = Operand::Address;
  size_t plus = text.find('+');
  std::string base = trim(text.substr(0, plus));
  if (plus != std::string::npos)
    operand.value = parseNumber(trim(text.substr(plus + 1)));
  operand.reg = registerNumber(base);
  if (operand.reg < 0)
    operand.value += isdigit(base[0]) ? parseNumber(base) : symbolAddress(base);
  return operand;
}

Operand Parser::parseOperand(std::string text) {
  Operand operand;
  if (text.front() == '[')
    return parseAddress(text.substr(1, text.find(']') - 1));
  if (text == "_") {
    operand.kind = Operand::Sink;
    return operand;
  }
  if (auto it = kSpecial.find(text); it != kSpecial.end()) {
    operand.kind = Operand::Special;
    operand.value = it->second;
    return operand;
  }
  operand.reg = registerNumber(text);
  if (operand.reg >= 0) {
    operand.kind = Operand::Register;
    return operand;
  }
  operand.value = isdigit(text[0]) || text[0] == '-' ? parseNumber(text)
                                                     : symbolAddress(text);
  return operand;
}

/// ".reg .b32 %r<10>", ".shared .align 16 .b8 tile[32768]", ...
void Parser::declare(const std::string &statement) {
  if (statement.rfind(".reg", 0) != 0)
    return declareVariable(statement);
  std::stringstream words(statement);
  std::string word, type, names;
  words >> word >> type;
  std::getline(words, names);
  Type parsed;
  if (!parseType(type.substr(1), parsed))
    unknown("type", statement);
  auto add = [&](const std::string &name) {
    registers[name] = int(kernel->registerBits.size());
    kernel->registerBits.push_back(parsed.bits);
  };
  for (std::string name : split(names, ',')) {
    name = trim(name);
    size_t angle = name.find('<');
    if (angle == std::string::npos) {
      add(name);
      continue;
    }
    int count = atoi(name.c_str() + angle + 1);
    for (int i = 0; i < count; ++i)
      add(name.substr(0, angle) + std::to_string(i));
  }
}

void Parser::declareVariable(const std::string &statement) {
  bool isShared = statement.find(".shared") != std::string::npos;
  bool isLocal = statement.rfind(".local", 0) == 0;
  if (!isShared && !isLocal)
    return;
  size_t bracket = statement.find('[');
  std::string head = statement.substr(0, bracket);
  uint64_t align = 1, bytes = 1;
  if (size_t at = head.find(".align "); at != std::string::npos)
    align = strtoull(head.c_str() + at + 7, nullptr, 10);
  Type element{'b', 8};
  for (std::string &word : split(head, ' '))
    if (!word.empty())
      parseType(word.substr(1), element);
  if (bracket != std::string::npos)
    bytes = strtoull(statement.c_str() + bracket + 1, nullptr, 10);
  bytes *= element.bits / 8;
  std::string name = trim(head.substr(trim(head).rfind(' ') + 1));
  uint64_t &top = isLocal  ? kernel->localBytes
                  : kernel ? kernel->sharedBytes
                           : moduleShared;
  top = (top + align - 1) / align * align;
  symbols[name] = top;
  top += bytes;
}

/// "(.param .u64 .ptr .align 1 k_param_0, ...)" -> offsets.
void Parser::declareParameters(const std::string &statement) {
  size_t open = statement.find('('), close = statement.rfind(')');
  if (open == std::string::npos || close == std::string::npos)
    return;
  std::string list = statement.substr(open + 1, close - open - 1);
  for (const std::string &parameter : split(list, ',')) {
    Type type;
    for (const std::string &word : split(parameter, ' '))
      if (word.size() > 1 && type.bits == 0)
        parseType(word.substr(1), type);
    std::string text = trim(parameter);
    std::string name = text.substr(text.rfind(' ') + 1);
    uint64_t bytes = type.bits / 8, &top = kernel->parameterBytes;
    if (bytes == 0 || name.find('[') != std::string::npos)
      unknown("parameter", parameter);
    top = (top + bytes - 1) / bytes * bytes;
    kernel->parameters[name] = top;
    top += bytes;
  }
}

void Parser::startKernel(const std::string &statement) {
  size_t at = statement.find(".entry");
  if (at == std::string::npos)
    unknown("block", statement);
  std::string name = trim(statement.substr(at + 6));
  name = trim(name.substr(0, name.find('(')));
  program.kernels[name] = std::make_unique<Kernel>();
  kernel = program.kernels[name].get();
  kernel->name = name;
  kernel->sharedBytes = moduleShared;
  registers.clear();
  labels.clear();
  branchTargets.clear();
  declareParameters(statement);
  if (size_t max = statement.find(".maxntid "); max != std::string::npos)
    kernel->maxThreads = atoi(statement.c_str() + max + 9);
}

void Parser::finishKernel() {
  for (Instruction &instruction : kernel->code) {
    if (instruction.labels.size() == 1)
      if (auto it = branchTargets.find(instruction.labels[0]);
          it != branchTargets.end())
        instruction.labels = it->second;
    for (const std::string &label : instruction.labels) {
      if (!labels.count(label))
        unknown("label", instruction.text);
      instruction.targets.push_back(labels[label]);
    }
  }
  findMeetings(kernel->code);
  kernel = nullptr;
}

void Parser::addInstruction(const std::string &statement) {
  Instruction instruction;
  instruction.text = statement;
  std::string rest = statement;
  if (rest[0] == '@') {
    size_t space = rest.find(' ');
    instruction.negated = rest[1] == '!';
    instruction.guard = registerNumber(rest.substr(
        instruction.negated ? 2 : 1, space - (instruction.negated ? 2 : 1)));
    rest = trim(rest.substr(space));
  }
  size_t space = rest.find(' ');
  std::string name = rest.substr(0, space);
  rest = space == std::string::npos ? "" : trim(rest.substr(space));
  instruction.parts = split(name, '.');
  for (const std::string &part : instruction.parts) {
    Type type;
    if (!parseType(part, type))
      continue;
    instruction.second = instruction.type;
    instruction.type = type;
  }
  bool branches =
      instruction.parts[0] == "bra" || instruction.parts[0] == "brx";
  int depth = 0;
  std::string current;
  auto flush = [&] {
    current = trim(current);
    if (!current.empty()) {
      if (branches && registerNumber(current) < 0)
        instruction.labels.push_back(current);
      else
        instruction.operands.push_back(parseOperand(current));
      if (depth)
        ++instruction.groups.back();
      else
        instruction.groups.push_back(1);
    }
    current.clear();
  };
  for (char c : rest) {
    if (c == '{') {
      instruction.groups.push_back(0);
      depth = 1;
    } else if (c == '}') {
      flush();
      depth = 0;
    } else if (c == ',') {
      flush();
    } else {
      current += c;
    }
  }
  flush();
  resolve(instruction);
  kernel->code.push_back(std::move(instruction));
}

Program Parser::run(const std::string &text) {
  Lexer lexer(text);
  std::string statement;
  int nested = 0;
  for (char end; lexer.next(statement, end);) {
    if (end == '{' && !kernel) {
      startKernel(statement);
    } else if (end == '{') {
      ++nested;
    } else if (end == '}') {
      if (nested)
        --nested;
      else if (kernel)
        finishKernel();
    } else if (end == ':') {
      labels[statement] = int(kernel->code.size());
      lastLabel = statement;
    } else if (statement.empty() || statement.rfind(".loc ", 0) == 0 ||
               statement.rfind(".pragma", 0) == 0 ||
               statement.rfind(".file", 0) == 0) {
      continue;
    } else if (statement.rfind(".branchtargets", 0) == 0) {
      for (const std::string &label : split(statement.substr(14), ','))
        branchTargets[lastLabel].push_back(trim(label));
    } else if (statement[0] == '.') {
      if (kernel || statement.find(".shared") != std::string::npos)
        declare(statement);
      else
        unknown("declaration", statement);
    } else {
      addInstruction(statement);
    }
  }
  return std::move(program);
}

} // namespace

Program ptx::parse(const std::string &text) { return Parser().run(text); }
