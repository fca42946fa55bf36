# GoogleTest binaries, found by their names in the build's bin folder.
import os

import lit.formats

config.name = "qopt-unit"
config.test_source_root = os.path.join(config.qopt_obj_root, "bin")
config.test_exec_root = config.test_source_root
config.test_format = lit.formats.GoogleTest(".", "Tests")
# Of a sanitized build (preset asan): the first finding fails the test.
config.environment["UBSAN_OPTIONS"] = "halt_on_error=1:print_stacktrace=1"
config.environment["LSAN_OPTIONS"] = "print_suppressions=0:suppressions=" + os.path.join(
    os.path.dirname(__file__), "leaks.supp")
