//===- Session.cpp - One context, its diagnostics, loading models ---------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Session.h"
#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/IR/Remarks.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "qopt/Import/Onnx/ImportOnnx.h"
#include "qopt/Pipelines/Pipelines.h"
#include "qopt/Target/Lowering.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/BinaryFormat/Magic.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;

namespace qopt::cli {

char CliError::ID;

DialectRegistry Session::makeRegistry() {
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registerQoptDialects(registry);
  registerLoweringInterfaces(registry);
  return registry;
}

Session::Session()
    : context(makeRegistry(), MLIRContext::Threading::ENABLED),
      handler(&context, [this](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
          errors.push_back(format(diagnostic));
        else if (diagnostic.getSeverity() == DiagnosticSeverity::Warning)
          printOnce("warning: " + format(diagnostic));
        return success();
      }) {
  // An operation's text in a message helps nobody but us.
  context.printOpOnDiagnostic(false);
}

void Session::printOnce(StringRef line) {
  if (printed.insert(line).second)
    llvm::errs() << "qopt: " << line << '\n';
}

namespace {
/// Hands each remark on as its location and its text.
class RemarkPrinter : public remark::detail::MLIRRemarkStreamerBase {
public:
  using PrintFn = std::function<void(Location, StringRef)>;
  explicit RemarkPrinter(PrintFn print) : print(std::move(print)) {}

  void streamOptimizationRemark(const remark::detail::Remark &remark) override {
    std::string text = remark.getRemarkName().str() + ": ";
    for (const remark::detail::Remark::Arg &argument : remark.getArgs())
      text += argument.val;
    print(remark.getLocation(), text);
  }

private:
  PrintFn print;
};
} // namespace

void Session::enableRemarks() {
  remark::RemarkCategories categories;
  categories.passed = categories.missed = ".*";
  categories.analysis = categories.failed = ".*";
  auto printer =
      std::make_unique<RemarkPrinter>([this](Location loc, StringRef text) {
        printOnce("remark: " + format(loc, text));
      });
  if (failed(remark::enableOptimizationRemarks(
          context, std::move(printer),
          std::make_unique<remark::RemarkEmittingPolicyAll>(), categories)))
    printWarning("remarks are not available");
}

/// Node name and file position in a location, whichever it holds.
static void readLocation(Location loc, StringRef &node, FileLineColLoc &file) {
  if (auto named = dyn_cast<NameLoc>(loc)) {
    if (node.empty())
      node = named.getName();
    readLocation(named.getChildLoc(), node, file);
  } else if (auto position = dyn_cast<FileLineColLoc>(loc)) {
    if (!file)
      file = position;
  } else if (auto fused = dyn_cast<FusedLoc>(loc)) {
    for (Location part : fused.getLocations())
      readLocation(part, node, file);
  } else if (auto callSite = dyn_cast<CallSiteLoc>(loc)) {
    readLocation(callSite.getCallee(), node, file);
  }
}

/// "FILE:LINE:COLUMN: node 'X': MESSAGE". A position in another file, of which
/// MLIR can hold the locations, is none in the file that the user gave.
std::string Session::format(Location loc, StringRef message) const {
  StringRef node;
  FileLineColLoc position;
  readLocation(loc, node, position);
  std::string line;
  llvm::raw_string_ostream os(line);
  os << file;
  if (position && position.getLine() != 0 && position.getFilename() == file)
    os << ':' << position.getLine() << ':' << position.getColumn();
  os << ": ";
  if (!node.empty())
    os << "node '" << node << "': ";
  os << message;
  llvm::replace(line, '\n', ' ');
  return line;
}

std::string Session::format(Diagnostic &diagnostic) const {
  std::string message = diagnostic.str();
  for (Diagnostic &note : diagnostic.getNotes())
    message += " (" + note.str() + ")";
  return format(diagnostic.getLocation(), message);
}

llvm::Error Session::takeError(ExitCode code, const Twine &fallback) {
  std::vector<std::string> taken = std::move(errors);
  errors.clear();
  if (taken.empty())
    taken.push_back((file + ": " + fallback).str());
  // What follows the first is mostly what follows from it.
  if (code != ExitCode::Internal)
    taken.resize(1);
  return llvm::make_error<CliError>(code, llvm::join(taken, "\n"));
}

llvm::Error checkModelFile(StringRef path) {
  llvm::sys::fs::file_status status;
  if (std::error_code code = llvm::sys::fs::status(path, status))
    return inputError(path + ": cannot be read: " + code.message());
  if (llvm::sys::fs::is_directory(status))
    return inputError(path + ": expected a model file, got a folder");
  // What comes through a pipe can be read only once.
  if (!llvm::sys::fs::is_regular_file(status))
    return llvm::Error::success();
  llvm::file_magic magic;
  if (std::error_code code = llvm::identify_magic(path, magic))
    return inputError(path + ": cannot be read: " + code.message());
  using Kind = llvm::file_magic;
  if (magic == Kind::elf_shared_object)
    return inputError(path + ": expected a name that ends in .so for a shared "
                             "object that qopt compiled");
  if (llvm::is_contained({Kind::elf, Kind::elf_relocatable,
                          Kind::elf_executable, Kind::archive},
                         static_cast<Kind::Impl>(magic)))
    return inputError(path + ": expected an ONNX or MLIR model, got compiled "
                             "code; of that, only a shared object, NAME.so, "
                             "can be run");
  return llvm::Error::success();
}

llvm::Expected<OwningOpRef<ModuleOp>>
Session::load(StringRef path, const LoadOptions &options) {
  file = path.str();
  if (llvm::Error error = checkModelFile(path))
    return std::move(error);
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return inputError(path +
                      ": cannot be read: " + buffer.getError().message());
  bool isMlir = path.ends_with(".mlir") || path.ends_with(".mlirbc") ||
                isBytecode((*buffer)->getMemBufferRef());
  if (!isMlir && options.mustBeMlir)
    return usageError("--compile-from: expected MLIR, got '" + path + "'");
  if (!isMlir) {
    OnnxImportOptions onnx;
    onnx.functionName = options.name;
    onnx.dims = options.dims;
    return importOnnx(path, onnx, context);
  }
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(*buffer), llvm::SMLoc());
  OwningOpRef<ModuleOp> module =
      parseSourceFile<ModuleOp>(sources, ParserConfig(&context));
  if (!module)
    return takeError(ExitCode::Input, "expected MLIR");
  return module;
}

} // namespace qopt::cli
