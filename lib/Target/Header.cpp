//===- Header.cpp - NAME.h ------------------------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EmbeddedRuntime.h"
#include "Launcher.h"
#include "qopt/Target/Emit.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"
#include <set>

using namespace llvm;
using namespace qopt;

static StringRef getCType(DType dtype) {
  switch (dtype) {
  case DType::F32:
    return "float";
  case DType::F64:
    return "double";
  case DType::U8:
  case DType::Bool:
    return "uint8_t";
  case DType::I8:
    return "int8_t";
  // A half has no type in C: its bits.
  case DType::U16:
  case DType::F16:
    return "uint16_t";
  case DType::I16:
    return "int16_t";
  case DType::I32:
    return "int32_t";
  case DType::I64:
    return "int64_t";
  }
  llvm_unreachable("unknown dtype");
}

/// Whether the header, or those it includes, may define the name otherwise.
static bool isHeaderName(StringRef name, StringRef model) {
  return name.starts_with((model + "_").str()) ||
         name.starts_with((model.upper() + "_").c_str()) ||
         name.starts_with_insensitive("qopt_") || name.ends_with("_t") ||
         name.ends_with("_MAX") || name.ends_with("_MIN");
}

/// The model's own names as parameters of the typed wrapper: C identifiers,
/// each once, none of them the wrapper's own or one of the header's.
static std::vector<std::string> makeParameterNames(const ModelInfo &info) {
  std::set<std::string> taken = {"arena", "inputs", "outputs", "parallel_for",
                                 "pool"};
  std::vector<std::string> names;
  for (const TensorInfo &tensor :
       concat<const TensorInfo>(ArrayRef<TensorInfo>(info.inputs),
                                ArrayRef<TensorInfo>(info.outputs))) {
    std::string base = makeCIdentifier(tensor.name, "tensor_");
    if (isHeaderName(base, info.name))
      base = "tensor_" + base;
    std::string name = base;
    for (unsigned i = 2; !taken.insert(name).second; ++i)
      name = base + "_" + std::to_string(i);
    names.push_back(name);
  }
  return names;
}

/// Text that may stand in a C comment.
static std::string commentText(StringRef text) {
  std::string result;
  for (char c : text)
    result += isPrint(c) && c != '*' && c != '\\' ? c : '_';
  return result;
}

static void writeTensor(raw_ostream &os, StringRef direction,
                        StringRef parameter, const TensorInfo &tensor) {
  os << " *   " << direction << ' ' << parameter << ": "
     << dtypeName(tensor.dtype) << '[';
  interleave(tensor.shape, os, "][");
  os << "], " << tensor.numBytes() << " bytes";
  if (tensor.isQuantized())
    os << ", " << describeQuantization(tensor);
  if (parameter != tensor.name)
    os << ", '" << commentText(tensor.name) << "' in the source model";
  os << '\n';
}

/// NAME_run`suffix` with types: `more` are its parameters beyond the arena,
/// `passed` as arguments.
static void writeWrapper(raw_ostream &os, const ModelInfo &info,
                         ArrayRef<std::string> names, StringRef suffix = "",
                         StringRef more = "", StringRef passed = "") {
  os << "static inline int " << info.name << "_infer" << suffix << "(";
  size_t index = 0;
  for (const TensorInfo &tensor : info.inputs)
    os << "const " << getCType(tensor.dtype) << " *" << names[index++] << ", ";
  for (const TensorInfo &tensor : info.outputs)
    os << getCType(tensor.dtype) << " *" << names[index++] << ", ";
  os << "void *arena" << more << ") {\n";
  ArrayRef<std::string> inputs = names.take_front(info.inputs.size());
  ArrayRef<std::string> outputs = names.drop_front(info.inputs.size());
  // An array of C has at least one element.
  auto list = [&](ArrayRef<std::string> items) {
    return items.empty() ? std::string("0") : join(items, ", ");
  };
  os << "  const void *inputs[] = {" << list(inputs) << "};\n"
     << "  void *outputs[] = {" << list(outputs) << "};\n"
     << "  return " << info.name << "_run" << suffix
     << "(inputs, outputs, arena" << passed << ");\n}\n";
}

/// What an array for each input and output holds; 1 for a scalar.
static void writeElementCounts(raw_ostream &os, StringRef upper,
                               const ModelInfo &info) {
  auto write = [&](StringRef direction, ArrayRef<TensorInfo> tensors) {
    for (auto [index, tensor] : enumerate(tensors))
      os << "#define " << upper << '_' << direction << index << "_ELEMENTS "
         << tensor.numBytes() / dtypeSize(tensor.dtype) << '\n';
  };
  write("INPUT", info.inputs);
  write("OUTPUT", info.outputs);
}

static std::string parallelDeclaration(const ModelInfo &info) {
  if (info.threads <= 1)
    return "";
  return formatv("/* The same on several threads: long loops are cut into {0} "
                 "tasks, which\n * parallel_for calls. */\n"
                 "int {1}_run_parallel(const void *const *inputs, void *const "
                 "*outputs,\n    void *arena, qopt_parallel_for parallel_for, "
                 "void *pool);\n\n",
                 info.threads, info.name);
}

/// Of a model for a GPU.
static std::string streamDeclarations(const ModelInfo &info) {
  Expected<TargetInfo> target = TargetInfo::get(info.target);
  if (!target) {
    // A list of levels, of which a GPU has none.
    consumeError(target.takeError());
    return "";
  }
  if (!target->isGpu())
    return "";
  return formatv(
      "/* Enqueues the kernels on `stream`, a CUstream of the current context: "
      "all\n * pointers are in the GPU's memory, inputs and outputs aligned to "
      "{1} bytes.\n * {0}_run copies from and to the host's memory, and "
      "needs of the arena only\n * that it is there. */\n"
      "int {0}_run_stream(const void *const *inputs, void *const *outputs,\n"
      "    void *arena, void *stream);\n\n"
      "/* Frees what the model keeps on the GPU: weights, buffers, code. No "
      "run "
      "may be\n * on its way. The next run begins anew, in any context. */\n"
      "int {0}_release(void);\n\n"
      "/* What the last error was, in words. */\n"
      "const char *{0}_error(void);\n\n",
      info.name, kGpuTensorAlignment);
}

/// One run function per version, and what chooses between them.
static std::string versionDeclarations(const ModelInfo &info) {
  std::string text;
  raw_string_ostream os(text);
  SmallVector<StringRef> versions = info.versions();
  if (versions.empty())
    return text;
  os << "/* " << info.name
     << "_run calls the last of these that the CPU can run, and returns\n"
        " * QOPT_ERROR_UNSUPPORTED_CPU if it can run none. All give the same "
        "bits. */\n";
  for (StringRef version : versions)
    os << "int " << info.name << "_run" << versionSuffix(version)
       << "(const void *const *inputs, void *const *outputs,\n    void "
          "*arena);\n";
  os << '\n';
  return text;
}

std::string qopt::emitHeader(const ModelInfo &info) {
  std::string text;
  raw_string_ostream os(text);
  std::vector<std::string> names = makeParameterNames(info);
  std::string upper = StringRef(info.name).upper();

  os << "/* " << info.name << ".h - made by qopt " << info.version << " for "
     << info.target << "\n *\n";
  size_t index = 0;
  for (const TensorInfo &tensor : info.inputs)
    writeTensor(os, "input ", names[index++], tensor);
  for (const TensorInfo &tensor : info.outputs)
    writeTensor(os, "output", names[index++], tensor);
  os << " *   arena:   " << info.arenaBytes << " bytes, aligned to "
     << ModelInfo::kAlignment << "\n *   weights: " << info.weightBytes
     << " bytes, in the object\n *\n"
     << " * Tensors are row-major, without gaps, and must not overlap each "
        "other or the\n * arena. Runs on different arenas may go on at the "
        "same time. */\n\n"
     << "#ifndef QOPT_" << upper << "_H\n#define QOPT_" << upper << "_H\n\n"
     << kModelTypes << "\n#define " << upper << "_ARENA_BYTES "
     << info.arenaBytes << '\n';
  writeElementCounts(os, upper, info);
  os << "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
     << "const qopt_model_info *" << info.name << "_info(void);\n\n"
     << "/* Returns QOPT_OK or an error code. */\nint " << info.name
     << "_run(const void *const *inputs, void *const *outputs, void "
        "*arena);\n\n"
     << versionDeclarations(info) << parallelDeclaration(info)
     << streamDeclarations(info) << "/* The same with types. */\n";
  writeWrapper(os, info, names);
  if (info.threads > 1) {
    os << '\n';
    writeWrapper(os, info, names, "_parallel",
                 ",\n    qopt_parallel_for parallel_for, void *pool",
                 ", parallel_for, pool");
  }
  os << "\n#ifdef __cplusplus\n}\n#endif\n\n#endif /* QOPT_" << upper
     << "_H */\n";
  return text;
}
