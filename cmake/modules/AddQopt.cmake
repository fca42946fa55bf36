# Build rules that every qopt library, tool and test shares.

# ccache, told that a precompiled header is a function of its sources.
set(QOPT_CCACHE_PROGRAM "off")
if(QOPT_USE_CCACHE)
  find_program(QOPT_CCACHE_PATH ccache)
  if(QOPT_CCACHE_PATH)
    set(QOPT_CCACHE_PROGRAM ${QOPT_CCACHE_PATH})
    set(launcher ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${QOPT_CCACHE_PATH})
    set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  endif()
endif()

if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  add_compile_options(-Xclang -fno-pch-timestamp)
endif()

add_compile_options(-Wall -Wextra -Wno-unused-parameter)
if(QOPT_WERROR)
  add_compile_options(-Werror)
endif()

# What every target of qopt compiles with. In the installed package, the
# consumer's own LLVM takes the place of this one (QoptConfig.cmake.in).
add_library(QoptHeaders INTERFACE)
target_include_directories(QoptHeaders INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
  $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_include_directories(QoptHeaders SYSTEM INTERFACE
  "$<BUILD_INTERFACE:${LLVM_INCLUDE_DIRS};${MLIR_INCLUDE_DIRS}>")
separate_arguments(definitions NATIVE_COMMAND ${LLVM_DEFINITIONS})
list(TRANSFORM definitions REPLACE "^-D" "")
target_compile_definitions(QoptHeaders INTERFACE
  "$<BUILD_INTERFACE:${definitions}>")
configure_file(${PROJECT_SOURCE_DIR}/include/qopt/Support/Version.h.in
               ${PROJECT_BINARY_DIR}/include/qopt/Support/Version.h @ONLY)

# The MLIR headers cost nine seconds a file; one precompiled header, shared by
# all targets that include them, brings that to two.
set(QOPT_PCH_SOURCE ${CMAKE_CURRENT_LIST_DIR}/QoptPch.cpp)
set(QOPT_PCH_HEADER ${CMAKE_CURRENT_LIST_DIR}/QoptPch.h)
add_library(qopt_pch OBJECT ${QOPT_PCH_SOURCE})
target_link_libraries(qopt_pch PRIVATE QoptHeaders)
target_precompile_headers(qopt_pch PRIVATE ${QOPT_PCH_HEADER})
llvm_update_compile_flags(qopt_pch)

# Compiles `target` with the shared precompiled header. Not by REUSE_FROM: that
# hands the compiler a second, absolute path, so that no two checkouts would
# ever share an entry of ccache.
function(qopt_use_pch target)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_precompile_headers(${target} REUSE_FROM qopt_pch)
    return()
  endif()
  set(pch ${PROJECT_BINARY_DIR}/CMakeFiles/qopt_pch.dir/cmake_pch.hxx.pch)
  add_dependencies(${target} qopt_pch)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CXX>:SHELL:-include-pch ${pch}>)
  get_target_property(sources ${target} SOURCES)
  set_property(SOURCE ${sources} APPEND PROPERTY OBJECT_DEPENDS ${pch})
endfunction()

# add_qopt_library(NAME sources... [PLAIN] [DEPENDS targets...]
#                  [LINK_LIBS own libs...] [MLIR_LIBS upstream libs...])
# A static library of qopt. PLAIN: plain C++, no MLIR header, no MLIR link.
function(add_qopt_library name)
  cmake_parse_arguments(ARG "PLAIN" "" "DEPENDS;LINK_LIBS;MLIR_LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC QoptHeaders)
  llvm_update_compile_flags(${name})
  if(ARG_PLAIN)
    target_link_libraries(${name} PUBLIC LLVM)
  else()
    qopt_use_pch(${name})
    mlir_target_link_libraries(${name} PUBLIC MLIRIR ${ARG_MLIR_LIBS})
  endif()
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  target_link_libraries(${name} PUBLIC ${ARG_LINK_LIBS})
  set_property(GLOBAL APPEND PROPERTY QOPT_LIBRARIES ${name})
endfunction()

# add_qopt_tool(NAME sources... [LINK_LIBS ...] [MLIR_LIBS ...])
function(add_qopt_tool name)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS;MLIR_LIBS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE QoptHeaders)
  llvm_update_compile_flags(${name})
  qopt_use_pch(${name})
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS})
  mlir_target_link_libraries(${name} PRIVATE ${ARG_MLIR_LIBS})
endfunction()
