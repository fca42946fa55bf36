//===- ObjectFile.cpp - What an object holds and asks for -----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ObjectFile.h"
#include "qopt/Target/Emit.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Object/ObjectFile.h"

using namespace llvm;
using namespace qopt;

/// Whether a function computes in f16, f64 or, from or to floats, in i64.
static bool isForOtherTypes(StringRef name) {
  static constexpr StringLiteral kPrefixes[] = {
      "__extendhf",  "__truncsfhf",  "__truncdf",    "__gnu_h2f",
      "__gnu_f2h",   "__aeabi_h2",   "__aeabi_f2h",  "__aeabi_d",
      "__aeabi_f2d", "__aeabi_i2d",  "__aeabi_ui2d", "__aeabi_l2",
      "__aeabi_ul2", "__aeabi_f2lz", "__aeabi_f2ulz"};
  return any_of(kPrefixes,
                [&](StringRef prefix) { return name.starts_with(prefix); });
}

Error qopt::checkUndefinedSymbols(StringRef bytes,
                                  ArrayRef<std::string> externals) {
  Expected<std::unique_ptr<object::ObjectFile>> object =
      object::ObjectFile::createObjectFile(MemoryBufferRef(bytes, "object"));
  if (!object)
    return object.takeError();
  for (const object::SymbolRef &symbol : (*object)->symbols()) {
    Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    if (!(*flags & object::SymbolRef::SF_Undefined))
      continue;
    Expected<StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    if ((*object)->isWasm() && *name == "__stack_pointer")
      continue;
    if (is_contained(externals, *name))
      continue;
    if (isForOtherTypes(*name))
      return createStringError(
          "expected a target with instructions for the types between which the "
          "model converts, got one that calls '" +
          *name + "'; make its tensors f32 and i32");
    // The null symbol of ELF is undefined and has no name.
    if (!is_contained({"", "memcpy", "memset", "qopt_observe", "getauxval"},
                      *name))
      return make_error<InternalError>(
          "expected code that calls only memcpy and memset, got a call of '" +
          *name + "'");
  }
  return Error::success();
}

Expected<ObjectSizes> qopt::measureObject(StringRef bytes) {
  Expected<std::unique_ptr<object::ObjectFile>> object =
      object::ObjectFile::createObjectFile(MemoryBufferRef(bytes, "object"));
  if (!object)
    return object.takeError();
  ObjectSizes sizes;
  for (const object::SectionRef &section : (*object)->sections()) {
    Expected<StringRef> name = section.getName();
    if (!name)
      return name.takeError();
    if (section.isText())
      sizes.code += section.getSize();
    // Of ELF, and of WebAssembly.
    else if (name->starts_with(".rodata") || *name == "DATA")
      sizes.constants += section.getSize();
  }
  return sizes;
}
