//===- EmitTest.cpp - Headers and programs, through a C compiler ----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Target/Emit.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "qopt/Target/Lowering.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

using namespace qopt;
using llvm::cantFail;

namespace {

// y = 2 x, z = x as bytes of another model's names: keywords, clashes.
constexpr const char *kModel = R"(
#id = affine_map<(a) -> (a)>
func.func @twice(%x: tensor<3xf32> {qopt.name = "in/put:0"}, %i: tensor<3xi8> {qopt.name = "int", qopt.unsigned})
    -> (tensor<3xf32> {qopt.name = "arena"}, tensor<3xi8> {qopt.name = "int", qopt.unsigned}) {
  %e = tensor.empty() : tensor<3xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<3xf32>) outs(%e : tensor<3xf32>) {
  ^bb0(%a: f32, %out: f32):
    %s = arith.addf %a, %a : f32
    linalg.yield %s : f32
  } -> tensor<3xf32>
  return %y, %i : tensor<3xf32>, tensor<3xi8>
}
)";

class EmitTest : public testing::Test {
protected:
  void SetUp() override {
    mlir::DialectRegistry registry;
    registerLoweringInterfaces(registry);
    context.appendDialectRegistry(registry);
    options.target = cantFail(TargetInfo::get("native"));
    module = mlir::parseSourceString<mlir::ModuleOp>(kModel, &context);
    mlir::PassManager pm(&context);
    buildPlannedPipeline(pm);
    buildLlvmPipeline(pm, options.target);
    ASSERT_TRUE(succeeded(pm.run(*module)));
    info = cantFail(getModelInfo(*module, options));
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("qopt-emit", folder));
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string path(llvm::StringRef name) const {
    llvm::SmallString<128> result(folder);
    llvm::sys::path::append(result, name);
    return std::string(result);
  }
  std::string write(llvm::StringRef name, llvm::StringRef content) const {
    std::error_code code;
    llvm::raw_fd_ostream(path(name), code) << content;
    EXPECT_FALSE(code) << code.message();
    return path(name);
  }
  std::string read(llvm::StringRef name) const {
    auto buffer = llvm::MemoryBuffer::getFile(path(name));
    EXPECT_TRUE(!!buffer) << path(name);
    return buffer ? (*buffer)->getBuffer().str() : "";
  }
  /// The exit code; standard output and error go to the file "log".
  int run(llvm::ArrayRef<llvm::StringRef> command) const {
    std::string log = path("log");
    std::optional<llvm::StringRef> redirects[] = {
        llvm::StringRef(""), llvm::StringRef(log), llvm::StringRef(log)};
    return llvm::sys::ExecuteAndWait(command.front(), command, std::nullopt,
                                     redirects);
  }

  mlir::MLIRContext context;
  EmitOptions options;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  ModelInfo info;
  llvm::SmallString<128> folder;
};

std::string makeNpy(llvm::StringRef descr, llvm::StringRef bytes) {
  std::string header =
      ("{'descr': '" + descr + "', 'fortran_order': False, 'shape': (3,), }")
          .str();
  header.resize(117, ' ');
  return std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header + "\n" +
         bytes.str();
}

TEST_F(EmitTest, HeaderWorksInCAndCpp) {
  std::string object = cantFail(emitCode(*module, CodeKind::Object, options));
  std::string header = emitHeader(info);
  EXPECT_NE(header.find("input  in_put_0: f32[3], 12 bytes, 'in/put:0' in the "
                        "source model"),
            std::string::npos)
      << header;
  std::string objectPath = write("twice.o", object);
  write("twice.h", header);
  const char *program = R"(
#include "twice.h"
#include "twice.h"
static _Alignas(64) unsigned char arena[TWICE_ARENA_BYTES];
int main(void) {
  float in[TWICE_INPUT0_ELEMENTS] = {1, -2, 3}, out[TWICE_OUTPUT0_ELEMENTS];
  unsigned char bytes[3] = {7, 8, 255}, copy[TWICE_OUTPUT1_ELEMENTS];
  if (TWICE_INPUT0_ELEMENTS != 3 || TWICE_INPUT1_ELEMENTS != 3 ||
      sizeof(out) != 12 || sizeof(copy) != 3)
    return 5;
  if (twice_infer(in, bytes, out, copy, arena) != QOPT_OK)
    return 1;
  if (twice_infer(in, 0, out, copy, arena) != QOPT_ERROR_NULL_POINTER)
    return 2;
  const qopt_model_info *info = twice_info();
  if (info->n_inputs != 2 || info->inputs[1].dtype != QOPT_U8 ||
      info->inputs[0].shape[0] != 3 || info->arena_bytes != TWICE_ARENA_BYTES)
    return 3;
  return out[0] == 2 && out[1] == -4 && out[2] == 6 && copy[2] == 255 ? 0 : 4;
}
)";
  std::string source = write("main.c", program);
  std::string binary = path("main");
  std::string compiler = llvm::sys::findProgramByName("cc").get();
  ASSERT_EQ(run({compiler, "-std=c11", "-Wall", "-Wextra", "-Wpedantic",
                 "-Werror", "-o", binary, source, objectPath}),
            0)
      << read("log");
  EXPECT_EQ(run({binary}), 0);

  std::string cpp = write("main.cpp", "#include \"twice.h\"\n");
  EXPECT_EQ(run({compiler, "-x", "c++", "-std=c++11", "-Wall", "-Wextra",
                 "-Werror", "-c", "-o", path("cpp.o"), cpp}),
            0)
      << read("log");
}

// Names of tensors that C, C++ or the header itself use otherwise.
TEST_F(EmitTest, HeaderRenamesWhatIsTaken) {
  const char *const kNames[] = {"asm",          "NULL",     "nullptr",
                                "not",          "and",      "int32_t",
                                "_Bool",        "noexcept", "twice_run",
                                "twice_infer",  "errno",    "INT32_MAX",
                                "linux",        "requires", "TWICE_ARENA_BYTES",
                                "parallel_for", "pool",     "qopt_model_info"};
  info.inputs.assign(std::size(kNames), info.inputs.front());
  for (auto [input, name] : llvm::zip_equal(info.inputs, kNames))
    input.name = name;
  write("twice.h", emitHeader(info));
  std::string source =
      write("main.c", "#include <errno.h>\n#include \"twice.h\"\n");
  std::string compiler = llvm::sys::findProgramByName("cc").get();
  for (llvm::StringRef standard : {"-std=c11", "-std=gnu17"})
    EXPECT_EQ(run({compiler, standard, "-c", "-o", path("c.o"), source}), 0)
        << read("log");
  for (llvm::StringRef standard : {"-std=c++11", "-std=c++20"})
    EXPECT_EQ(run({compiler, "-x", "c++", standard, "-c", "-o", path("cpp.o"),
                   source}),
              0)
        << read("log");
  EXPECT_FALSE(isModelName("qopt_model"));
  EXPECT_FALSE(isModelName("qopt_tensor"));
  EXPECT_FALSE(isModelName("constexpr"));
  EXPECT_TRUE(isModelName("qopt"));
}

TEST_F(EmitTest, ProgramReadsAndWritesNpy) {
  std::string object = cantFail(emitCode(*module, CodeKind::Object, options));
  auto program = linkExecutable(object, info, options.target);
  ASSERT_TRUE(!!program) << llvm::toString(program.takeError());
  std::string binary = write("twice", *program);
  llvm::sys::fs::setPermissions(binary, llvm::sys::fs::all_exe |
                                            llvm::sys::fs::all_read);
  float values[3] = {1.5f, -2.0f, 1e30f};
  float doubled[3] = {3.0f, -4.0f, 2e30f};
  auto bytes = [](const float (&v)[3]) {
    return llvm::StringRef(reinterpret_cast<const char *>(v), sizeof(v));
  };
  std::string x = write("x.npy", makeNpy("<f4", bytes(values)));
  std::string i = write("i.npy", makeNpy("|u1", "abc"));
  std::string y = path("y.npy"), z = path("z.npy");
  ASSERT_EQ(run({binary, "--input", x, i, "--output", y, z, "--bench", "2"}), 0)
      << read("log");
  EXPECT_EQ(read("y.npy"), makeNpy("<f4", bytes(doubled)));
  EXPECT_EQ(read("z.npy"), makeNpy("|u1", "abc"));

  EXPECT_EQ(run({binary, "--input", i, x}), 1);
  EXPECT_NE(read("log").find("input 'in/put:0' expects {'descr': '<f4'"),
            std::string::npos)
      << read("log");
  EXPECT_EQ(run({binary, "--input", x}), 1);
  EXPECT_EQ(run({binary, "--unknown"}), 2);
  EXPECT_EQ(run({binary}), 0);
  EXPECT_NE(read("log").find("input in/put:0: <f4 (3,)"), std::string::npos);
}

TEST_F(EmitTest, EveryTargetEmits) {
  for (llvm::StringRef name : TargetInfo::knownNames()) {
    options.target = cantFail(TargetInfo::get(name));
    // Kernels are another lowering of the model: EqualsReferenceTest has them.
    if (options.target.isGpu())
      continue;
    for (CodeKind kind :
         {CodeKind::Object, CodeKind::Assembly, CodeKind::LlvmIr}) {
      auto first = emitCode(*module, kind, options);
      // The module adds floats, which not every core can.
      if (!options.target.hasFloat && kind == CodeKind::Object) {
        ASSERT_FALSE(!!first) << name.str();
        llvm::StringRef library =
            name == "riscv32" ? "'__addsf3'" : "'__aeabi_fadd'";
        std::string message = llvm::toString(first.takeError());
        EXPECT_TRUE(llvm::StringRef(message).contains(library)) << message;
        continue;
      }
      ASSERT_TRUE(!!first) << llvm::toString(first.takeError());
      EXPECT_EQ(*first, cantFail(emitCode(*module, kind, options)));
    }
  }
}

} // namespace
