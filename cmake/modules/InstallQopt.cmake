# The tools, the plugin, and the CMake package: libraries and headers for
# find_package(Qopt).
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/qopt)

get_property(libraries GLOBAL PROPERTY QOPT_LIBRARIES)
install(TARGETS QoptHeaders ${libraries} EXPORT QoptTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS qopt qopt-opt qopt-lsp-server)

# For programs that call NAME_run_parallel: a source file that they compile.
install(FILES ${PROJECT_SOURCE_DIR}/runtime/qopt_pool.c
              ${PROJECT_SOURCE_DIR}/runtime/qopt_pool.h
  DESTINATION ${CMAKE_INSTALL_DATADIR}/qopt)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/qopt
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h" PATTERN "*.td" PATTERN "*.def")
install(DIRECTORY ${PROJECT_BINARY_DIR}/include/qopt
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h" PATTERN "*.inc"
  PATTERN "CMakeFiles" EXCLUDE)

install(EXPORT QoptTargets DESTINATION ${package_dir})
configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/QoptConfig.cmake.in QoptConfig.cmake
  INSTALL_DESTINATION ${package_dir}
  NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(QoptConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/QoptConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/QoptConfigVersion.cmake
  DESTINATION ${package_dir})
