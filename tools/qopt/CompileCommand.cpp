//===- CompileCommand.cpp - qopt compile ----------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model in, an artifact out, and the report of what happened between.
//
//===----------------------------------------------------------------------===//

#include "Destinations.h"
#include "MemoryLimits.h"
#include "ModelBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "qopt/Pipelines/CollectReport.h"
#include "qopt/Support/AtomicFile.h"
#include "qopt/Support/Recipe.h"
#include "qopt/Support/Version.h"
#include "qopt/Target/Emit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"

using namespace mlir;
namespace cl = llvm::cl;

namespace qopt::cli {

namespace {
enum class EmitKind {
  Object,
  SharedObject,
  Executable,
  Assembly,
  LlvmIr,
  Mlir,
  Ptx
};

struct EmitKindInfo {
  EmitKind kind;
  llvm::StringLiteral name;
  /// Of the output file; an executable has none.
  llvm::StringLiteral extension;
};
} // namespace

static constexpr EmitKindInfo kEmitKinds[] = {
    {EmitKind::Object, "obj", ".o"},   {EmitKind::SharedObject, "so", ".so"},
    {EmitKind::Executable, "exe", ""}, {EmitKind::Assembly, "asm", ".s"},
    {EmitKind::LlvmIr, "llvm", ".ll"}, {EmitKind::Mlir, "mlir", ".mlir"},
    {EmitKind::Ptx, "ptx", ".ptx"},
};

static std::string emitKindNames() {
  return llvm::join(
      llvm::map_range(kEmitKinds,
                      [](const EmitKindInfo &info) { return info.name; }),
      ", ");
}

/// Of modules and of programs.
static constexpr llvm::StringLiteral kWasmExtension = ".wasm";

static llvm::StringRef extensionOf(EmitKind kind, const TargetInfo &target) {
  bool isLinked =
      kind == EmitKind::SharedObject || kind == EmitKind::Executable;
  return isLinked && target.arch == TargetInfo::Arch::Wasm
             ? kWasmExtension
             : kEmitKinds[static_cast<size_t>(kind)].extension;
}

static bool isKnownExtension(llvm::StringRef extension) {
  return extension == kWasmExtension ||
         llvm::any_of(kEmitKinds, [&](const EmitKindInfo &info) {
           return !extension.empty() && info.extension == extension;
         });
}

namespace {
class CompileCommand : public Command {
public:
  CompileCommand() : Command("compile", "Compile a model ahead of time") {}
  llvm::Error run() override;

private:
  llvm::Expected<EmitKind> chooseKind() const;
  llvm::Error checkExtension(EmitKind kind) const;
  std::string outputPath(EmitKind kind, StringRef name) const;
  llvm::Error checkLimits(EmitKind kind) const;
  llvm::Error checkTarget(EmitKind kind) const;
  llvm::Error checkTools(EmitKind kind) const;
  llvm::Error checkOptions(EmitKind kind, Phase to) const;
  llvm::Error prepareDestinations(EmitKind kind) const;
  std::string dumpPath(Phase phase) const;
  std::string floatNodes(llvm::StringRef why);
  llvm::Error checkNoFloat();
  std::string howToAvoidFloat(Phase from) const;
  llvm::Error checkTargetFloat(Session &session, ModuleOp module);
  llvm::Error writePhase(Session &session, Phase to, PhaseFn atPhase);
  llvm::Error writeVersions(Session &session, EmitKind kind, PhaseFn atPhase);
  llvm::Error emit(llvm::ArrayRef<ModelVersion> versions, EmitKind kind);
  llvm::Error emitCodeAs(llvm::ArrayRef<ModelVersion> versions, EmitKind kind,
                         const EmitOptions &options, StringRef path);
  llvm::Error reportTo();
  llvm::Error finish(EmitKind kind, bool reports);
  llvm::Error failLimits();
  llvm::Error write(StringRef path, StringRef bytes);

  ModelOptions model{subCommand};
  BuildOptions build{subCommand};
  cl::opt<std::string> output{
      "o",
      cl::desc("Output file, - is stdout (default: the model's name with the "
               "extension of what is written; stdout for MLIR)"),
      cl::value_desc("PATH"), cl::sub(subCommand)};
  cl::opt<std::string> emitName{
      "emit",
      keptDesc("What to write: " + emitKindNames() +
               "; a C header goes with obj (default: by the extension of -o, "
               "else obj)"),
      cl::value_desc("KIND"), cl::sub(subCommand)};
  cl::opt<std::string> compileTo{
      "compile-to",
      keptDesc("Stop after phase PHASE and write MLIR: " + phaseNames() +
               " (default: llvm, and the artifact)"),
      cl::value_desc("PHASE"), cl::sub(subCommand)};
  cl::opt<std::string> dumpPhases{
      "dump-phases", cl::desc("Write NN.PHASE.mlir of every phase"),
      cl::value_desc("DIR"), cl::sub(subCommand)};
  cl::opt<std::string> reportPath{
      "report", cl::desc("Write what became of every node"),
      cl::value_desc("FILE.html|FILE.json"), cl::sub(subCommand)};
  cl::opt<bool> noFloatFallback{
      "no-float-fallback",
      cl::desc("Fail if a node of the model would compute in float"),
      cl::sub(subCommand)};
  ByteOption maxFlash{
      "max-flash",
      cl::desc("Fail if the object's code and constants take more bytes; 256K "
               "or 256KiB is 262144"),
      cl::value_desc("BYTES"), cl::init(0), cl::sub(subCommand)};
  ByteOption maxRam{
      "max-ram",
      cl::desc("Fail if the arena takes more bytes; 100K or 100KiB is "
               "102400"),
      cl::value_desc("BYTES"), cl::init(0), cl::sub(subCommand)};
  NumberOption<unsigned> threads{
      "threads",
      cl::desc("Cut long loops into N tasks, which NAME_run_parallel shares "
               "out (default: 1, none); the arena may grow, as such loops do "
               "not write over what they read"),
      cl::value_desc("N"), cl::init(1), cl::sub(subCommand)};

  /// Of several, the strongest.
  TargetInfo target;
  ReportCollector collector;
  /// What is wrong with the artifact's size; empty if nothing is.
  std::string limitError;
  /// The artifact, its header and the report: all of them or none.
  std::vector<AtomicFile> files;
};
} // namespace

llvm::Expected<EmitKind> CompileCommand::chooseKind() const {
  if (!emitName.empty()) {
    for (const EmitKindInfo &info : kEmitKinds)
      if (info.name == emitName.getValue())
        return info.kind;
    return usageError("--emit: expected one of " + emitKindNames() + ", got '" +
                      emitName + "'");
  }
  if (!compileTo.empty())
    return EmitKind::Mlir;
  StringRef extension = llvm::sys::path::extension(output);
  if (extension.empty())
    return EmitKind::Object;
  for (const EmitKindInfo &info : kEmitKinds)
    if (extensionOf(info.kind, target) == extension)
      return info.kind;
  return usageError(
      "-o: expected one of .o, " + extensionOf(EmitKind::SharedObject, target) +
      ", .s, .ll, .mlir and .ptx, or --emit KIND, got '" + output + "'");
}

/// A file's name must not say that it is another kind of file.
llvm::Error CompileCommand::checkExtension(EmitKind kind) const {
  if (output.getNumOccurrences() && output.empty())
    return usageError("-o: expected a file, or - for stdout, got ''");
  StringRef extension = llvm::sys::path::extension(output);
  StringRef wanted = extensionOf(kind, target);
  if (!isKnownExtension(extension) || extension == wanted)
    return llvm::Error::success();
  std::string why =
      compileTo.empty() ? "--emit " + emitName : "--compile-to " + compileTo;
  return usageError(
      "-o: expected a name " +
      (wanted.empty() ? "without extension" : "that ends in " + wanted.str()) +
      " for " + why + ", got '" + output + "'");
}

std::string CompileCommand::outputPath(EmitKind kind, StringRef name) const {
  if (!output.empty())
    return output;
  if (kind == EmitKind::Mlir)
    return "-";
  return (name + extensionOf(kind, target)).str();
}

static std::string headerPath(StringRef objectPath) {
  SmallString<128> path(objectPath);
  llvm::sys::path::replace_extension(path, ".h");
  return path.str().str();
}

std::string CompileCommand::dumpPath(Phase phase) const {
  std::string name;
  llvm::raw_string_ostream(name)
      << llvm::format("%02d.", static_cast<int>(phase)) << phaseInfo(phase).name
      << ".mlir";
  SmallString<128> path(dumpPhases.getValue());
  llvm::sys::path::append(path, name);
  return path.str().str();
}

llvm::Error CompileCommand::prepareDestinations(EmitKind kind) const {
  auto loadOptions = model.loadOptions();
  if (!loadOptions)
    return loadOptions.takeError();
  std::vector<NamedPath> outputs = {
      {"-o", outputPath(kind, loadOptions->name)}};
  if (kind == EmitKind::Object && outputs.front().path != "-")
    outputs.push_back({"the header", headerPath(outputs.front().path)});
  outputs.push_back({"--report", reportPath});
  if (!dumpPhases.empty()) {
    // No folder for a model that is not there.
    if (llvm::Error error = checkModelFile(model.path))
      return error;
    if (std::error_code code =
            llvm::sys::fs::create_directories(dumpPhases.getValue()))
      return inputError(dumpPhases + ": cannot be created: " + code.message());
    for (const PhaseInfo &info : allPhases())
      outputs.push_back({"--dump-phases", dumpPath(info.phase)});
  }
  std::vector<NamedPath> inputs = build.inputs();
  inputs.push_back({"the model", model.path});
  return checkDestinations(outputs, inputs);
}

/// "node 'X' (Softmax): expected integer arithmetic, WHY, got float: REASON" of
/// the first node that would compute in float; empty if none would.
std::string CompileCommand::floatNodes(llvm::StringRef why) {
  std::vector<const ReportNode *> culprits;
  for (const ReportNode &node : collector.getReport().nodes)
    if (node.status == NodeStatus::Float)
      culprits.push_back(&node);
  if (culprits.empty())
    return "";
  const ReportNode &first = *culprits.front();
  std::string more;
  if (culprits.size() > 1)
    more = "; " + std::to_string(culprits.size() - 1) +
           " more nodes are float, too";
  return "node '" + first.name + "' (" + first.op +
         "): expected integer arithmetic" + why.str() +
         ", got float: " + first.detail + more;
}

llvm::Error CompileCommand::checkNoFloat() {
  std::string nodes = floatNodes(" (--no-float-fallback)");
  return nodes.empty() ? llvm::Error::success()
                       : inputError(model.path + ": " + nodes);
}

/// Whether `op` computes with floats, or compares or converts them; a constant
/// and the bits of a float are memory like other memory.
static bool computesInFloat(Operation *op) {
  auto isFloat = [](Type type) {
    return isa<FloatType>(getElementTypeOrSelf(type));
  };
  return isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) &&
         !isa<arith::ConstantOp, arith::BitcastOp>(op) &&
         (llvm::any_of(op->getOperandTypes(), isFloat) ||
          llvm::any_of(op->getResultTypes(), isFloat));
}

/// What would take floats away that are in no node: the multipliers between
/// them, and the model's border. Empty where all of it is done.
std::string CompileCommand::howToAvoidFloat(Phase from) const {
  if (from >= Phase::Qdq)
    return "the multipliers and the border are those of phase 'qdq', which is "
           "to be made with --recipe int8-fixed-point and --io quantized";
  auto recipe = loadRecipe(build.recipe);
  std::vector<std::string> ways;
  if (!recipe)
    llvm::consumeError(recipe.takeError());
  else if (!recipe->fixedPoint)
    ways.push_back("--recipe int8-fixed-point (or \"arithmetic\": "
                   "\"fixed-point\" in a recipe)");
  if (build.io != "quantized")
    ways.push_back("--io quantized");
  return ways.empty() ? "" : "give " + llvm::join(ways, " and ");
}

/// An error that names the first node that computes in float on a target that
/// cannot, and says what the command line lacks.
llvm::Error CompileCommand::checkTargetFloat(Session &session,
                                             ModuleOp module) {
  if (target.hasFloat)
    return llvm::Error::success();
  Operation *culprit = nullptr;
  module.walk([&](Operation *op) {
    culprit = computesInFloat(op) ? op : nullptr;
    return culprit ? WalkResult::interrupt() : WalkResult::advance();
  });
  if (!culprit)
    return llvm::Error::success();
  auto from = parsePhaseOption("compile-from", model.compileFrom);
  if (!from)
    return from.takeError();
  std::string why = ", as " + target.name + " has no floating point";
  std::string advice = howToAvoidFloat(*from);
  if (!advice.empty())
    advice = "; " + advice;
  if (std::string nodes = floatNodes(why); !nodes.empty())
    return inputError(model.path + ": " + nodes + advice);
  emitError(culprit->getLoc())
      << "expected integer arithmetic" << why << ", got '" << culprit->getName()
      << "'" << advice;
  return session.takeError(ExitCode::Input, "float arithmetic is left");
}

llvm::Error CompileCommand::write(StringRef path, StringRef bytes) {
  auto file = AtomicFile::create(path);
  if (!file)
    return file.takeError();
  file->os() << bytes;
  files.push_back(std::move(*file));
  return llvm::Error::success();
}

static llvm::Error makeExecutable(StringRef path) {
  using llvm::sys::fs::perms;
  llvm::ErrorOr<perms> mode = llvm::sys::fs::getPermissions(path);
  std::error_code code =
      mode ? llvm::sys::fs::setPermissions(path, *mode | perms::all_exe)
           : mode.getError();
  if (code)
    return inputError(path + ": cannot be made executable: " + code.message());
  return llvm::Error::success();
}

llvm::Error CompileCommand::emitCodeAs(llvm::ArrayRef<ModelVersion> versions,
                                       EmitKind kind,
                                       const EmitOptions &options,
                                       StringRef path) {
  CodeKind code = kind == EmitKind::Assembly || kind == EmitKind::Ptx
                      ? CodeKind::Assembly
                  : kind == EmitKind::LlvmIr ? CodeKind::LlvmIr
                                             : CodeKind::Object;
  auto info = getModelInfo(versions, options);
  if (!info)
    return info.takeError();
  auto bytes = emitCode(versions, code, options);
  if (!bytes)
    return bytes.takeError();
  Report &report = collector.getReport();
  report.threads = build.threads;
  report.tasks = info->threads;
  // Kernels of a GPU hand values over in memory that no plan has.
  report.arenaBytes = info->arenaBytes;
  if (code == CodeKind::Object) {
    auto sizes = measureObject(*bytes);
    if (!sizes)
      return sizes.takeError();
    report.objectBytes = bytes->size();
    report.codeBytes = sizes->code;
    report.constantBytes = sizes->constants;
    // The report, which tells where the bytes are, is still to be written.
    limitError = checkMemory({maxFlash, maxRam}, report);
    if (!limitError.empty())
      return llvm::Error::success();
  }
  if (kind == EmitKind::SharedObject || kind == EmitKind::Executable) {
    bytes = kind == EmitKind::SharedObject
                ? linkSharedObject(*bytes, *info, options.target)
                : linkExecutable(*bytes, *info, options.target);
    if (!bytes)
      return bytes.takeError();
  }
  if (llvm::Error error = write(path, *bytes))
    return error;
  if (kind != EmitKind::Object || path == "-")
    return llvm::Error::success();
  return write(headerPath(path), emitHeader(*info));
}

static std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  // Locations hold the nodes' names, without which no later phase is valid.
  module.print(os, OpPrintingFlags().enableDebugInfo());
  os << '\n';
  return text;
}

llvm::Error CompileCommand::emit(llvm::ArrayRef<ModelVersion> versions,
                                 EmitKind kind) {
  auto loadOptions = model.loadOptions();
  if (!loadOptions)
    return loadOptions.takeError();
  std::string path = outputPath(kind, loadOptions->name);
  auto options = build.emitOptions(loadOptions->name);
  if (!options)
    return options.takeError();
  llvm::Error error = emitCodeAs(versions, kind, *options, path);
  // What the user hands over in the last phase, nobody has looked at.
  if (error.isA<InternalError>() &&
      model.compileFrom == phaseInfo(Phase::Llvm).name)
    return inputError(model.path + ": " + llvm::toString(std::move(error)));
  return error;
}

llvm::Error CompileCommand::reportTo() {
  Report &report = collector.getReport();
  auto loadOptions = model.loadOptions();
  if (!loadOptions)
    return loadOptions.takeError();
  report.model = loadOptions->name;
  report.source = llvm::sys::path::filename(model.path).str();
  auto recipe = loadRecipe(build.recipe);
  if (!recipe)
    return recipe.takeError();
  report.recipe = recipe->name;
  report.compiler = "qopt " QOPT_VERSION;
  auto targets = build.targets();
  if (!targets)
    return targets.takeError();
  report.target = llvm::join(
      llvm::map_range(*targets, [](const TargetInfo &t) { return t.name; }),
      ",");
  if (build.io == "quantized" && !recipe->quantize)
    for (auto *tensors : {&report.inputs, &report.outputs})
      for (ReportTensor &tensor : *tensors)
        tensor.detail = "the recipe keeps the model in float";
  uint64_t sourceBytes = 0;
  if (!llvm::sys::fs::file_size(model.path, sourceBytes))
    report.sourceBytes = sourceBytes;
  if (reportPath.empty())
    return llvm::Error::success();
  std::string text;
  llvm::raw_string_ostream os(text);
  if (StringRef(reportPath).ends_with(".html"))
    printReportHtml(os, report);
  else
    printReportJson(os, report);
  return write(reportPath, text);
}

/// --max-flash and --max-ram.
llvm::Error CompileCommand::checkLimits(EmitKind kind) const {
  for (const ByteOption *limit : {&maxFlash, &maxRam}) {
    if (limit->getNumOccurrences() == 0)
      continue;
    if (*limit < 1)
      return usageError("--" + limit->ArgStr +
                        ": expected at least 1 byte, got " +
                        llvm::Twine(limit->getValue()));
    if (kind == EmitKind::Mlir || kind == EmitKind::LlvmIr ||
        kind == EmitKind::Assembly || kind == EmitKind::Ptx)
      return usageError("--" + limit->ArgStr +
                        ": expected machine code to measure (--emit obj, so or "
                        "exe), got --emit " +
                        kEmitKinds[static_cast<size_t>(kind)].name);
  }
  return llvm::Error::success();
}

/// Whether the target has such an artifact, and tasks if they are asked for.
llvm::Error CompileCommand::checkTarget(EmitKind kind) const {
  bool isProgram = kind == EmitKind::Executable;
  if ((isProgram && !target.hasPrograms()) ||
      (kind == EmitKind::SharedObject && target.isFirmware()))
    return usageError(llvm::Twine("--emit ") +
                      kEmitKinds[static_cast<size_t>(kind)].name +
                      ": expected a target with an operating system" +
                      (isProgram ? " whose programs qopt can link" : "") +
                      ", got '" + target.name + "', which takes --emit obj");
  if (threads > 1 && target.arch == TargetInfo::Arch::Wasm)
    return usageError("--threads: expected 1 for " + target.name +
                      ", whose hosts have no parallel_for that it could call, "
                      "got " +
                      llvm::Twine(threads.getValue()));
  if (kind == EmitKind::Ptx && !target.isGpu())
    return usageError("--emit ptx: expected a target sm_75, sm_80 or sm_90, "
                      "got '" +
                      target.name + "'");
  return llvm::Error::success();
}

/// Whether what links the artifact is there. Objects of large models need
/// ld.lld, too, but which those are is known only when their code is generated.
llvm::Error CompileCommand::checkTools(EmitKind kind) const {
  if (kind == EmitKind::Executable)
    return checkLinker(LinkedKind::Program, target);
  // A GPU's kernels and their launcher become one object.
  if (kind == EmitKind::SharedObject ||
      (kind == EmitKind::Object && target.isGpu()))
    return checkLinker(LinkedKind::SharedObject, target);
  return llvm::Error::success();
}

/// What can be said against the command line without the model.
llvm::Error CompileCommand::checkOptions(EmitKind kind, Phase to) const {
  if (llvm::Error error = checkExtension(kind))
    return error;
  if (kind != EmitKind::Mlir && to != Phase::Llvm)
    return usageError("--emit " + emitName +
                      ": expected --compile-to llvm, got '" + compileTo + "'");
  if (!reportPath.empty() && !StringRef(reportPath).ends_with(".html") &&
      !StringRef(reportPath).ends_with(".json"))
    return usageError("--report: expected FILE.html or FILE.json, got '" +
                      reportPath + "'");
  if (auto options = build.emitOptions(""); !options)
    return options.takeError();
  if (llvm::Error error = checkTarget(kind))
    return error;
  if (llvm::Error error = checkLimits(kind))
    return error;
  auto recipe = loadRecipe(build.recipe);
  if (!recipe)
    return recipe.takeError();
  if (noFloatFallback && !recipe->quantize)
    return usageError("--no-float-fallback: expected a recipe that quantizes, "
                      "got '" +
                      build.recipe + "'");
  return llvm::Error::success();
}

llvm::Error CompileCommand::writePhase(Session &session, Phase to,
                                       PhaseFn atPhase) {
  auto targets = build.targets();
  if (!targets)
    return targets.takeError();
  if (targets->size() > 1 && to > Phase::Integer)
    return usageError("--target: expected one target for MLIR of phase '" +
                      phaseInfo(to).name + "', got " +
                      llvm::Twine(targets->size()));
  auto module = buildModel(session, model, build, to, atPhase);
  if (!module)
    return module.takeError();
  auto loadOptions = model.loadOptions();
  if (!loadOptions)
    return loadOptions.takeError();
  return write(outputPath(EmitKind::Mlir, loadOptions->name), print(**module));
}

llvm::Error CompileCommand::writeVersions(Session &session, EmitKind kind,
                                          PhaseFn atPhase) {
  auto built = buildVersions(session, model, build, atPhase);
  if (!built)
    return built.takeError();
  return emit(versionsOf(*built), kind);
}

/// The report alone.
llvm::Error CompileCommand::failLimits() {
  if (llvm::Error error = AtomicFile::commitAll(files))
    return error;
  std::string where =
      reportPath.empty() || reportPath == "-" ? "" : "; see " + reportPath;
  return inputError(model.path + ": " + limitError + where);
}

/// The files under their names, then the report and where they are: not of what
/// could not be written.
llvm::Error CompileCommand::finish(EmitKind kind, bool reports) {
  if (llvm::Error error = AtomicFile::commitAll(files))
    return error;
  StringRef artifact = files.front().path();
  // Nothing but the artifact goes to a stdout that carries one.
  if (artifact == "-")
    return llvm::Error::success();
  if (reports)
    printReportText(llvm::outs(), collector.getReport());
  std::vector<StringRef> written;
  for (const AtomicFile &file : files)
    written.push_back(file.path());
  if (!dumpPhases.empty())
    written.push_back(dumpPhases);
  llvm::outs() << "  wrote    " << llvm::join(written, ", ") << '\n';
  bool isLinked = kind == EmitKind::Object || kind == EmitKind::SharedObject ||
                  kind == EmitKind::Executable;
  if (target.isGpu() && isLinked && !hasPtxAssembler())
    llvm::outs() << "  ptxas    not on the PATH: the kernels are PTX that "
                    "nothing has checked, and the driver compiles it in the "
                    "first run\n";
  if (kind == EmitKind::SharedObject || kind == EmitKind::Executable)
    return makeExecutable(artifact);
  return llvm::Error::success();
}

llvm::Error CompileCommand::run() {
  auto targets = build.targets();
  if (!targets)
    return targets.takeError();
  target = targets->back();
  llvm::Expected<EmitKind> kind = chooseKind();
  if (!kind)
    return kind.takeError();
  llvm::Expected<Phase> to = parsePhaseOption(
      "compile-to", compileTo.empty() ? "llvm" : StringRef(compileTo));
  if (!to)
    return to.takeError();
  if (llvm::Error error = checkOptions(*kind, *to))
    return error;
  if (llvm::Error error = build.useThreads(threads))
    return error;
  if (llvm::Error error = prepareDestinations(*kind))
    return error;
  if (llvm::Error error = checkTools(*kind))
    return error;

  Session session;
  auto atPhase = [&](ModuleOp module, Phase phase) -> llvm::Error {
    collector.atPhase(module, phase);
    if (!dumpPhases.empty())
      if (llvm::Error error =
              writeFileAtomically(dumpPath(phase), print(module)))
        return error;
    // After the last phase at which a node's arithmetic can change.
    if (phase != Phase::Scheduled)
      return llvm::Error::success();
    if (noFloatFallback)
      if (llvm::Error error = checkNoFloat())
        return error;
    return checkTargetFloat(session, module);
  };
  llvm::Error error = *kind == EmitKind::Mlir
                          ? writePhase(session, *to, atPhase)
                          : writeVersions(session, *kind, atPhase);
  if (error)
    return error;
  bool reports = *to == Phase::Llvm || !reportPath.empty();
  if (reports)
    if (llvm::Error error = reportTo())
      return error;
  return limitError.empty() ? finish(*kind, reports) : failLimits();
}

std::unique_ptr<Command> createCompileCommand() {
  return std::make_unique<CompileCommand>();
}

} // namespace qopt::cli
