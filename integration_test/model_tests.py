"""A format of lit for files that say `MODELS: NAME NAME ...`: each is one test for
every model, FILE/NAME. In it, %{model} is the folder of the model's model.onnx and
calib.npz, and %{input} the name and shape of its input.

The model `demo` is in the repository. Without the others, their tests are reported
as unsupported.
"""

import copy
import re

import lit.formats
import lit.Test

INPUTS = {
    "demo": "x=1x1x28x28",
    "mobilenet-vww": "input_1=1x3x96x96",
    "resnet8-cifar10": "input=1x3x32x32",
    "resnet20-cifar10": "input=1x3x32x32",
}


class ModelTest(lit.Test.Test):
    def getSourcePath(self):
        return self.file_path


class PerModelTest(lit.formats.ShTest):
    def getTestsForPath(self, testSuite, path_in_suite, litConfig, localConfig):
        for test in super().getTestsForPath(testSuite, path_in_suite, litConfig, localConfig):
            with open(test.getSourcePath(), encoding="utf-8") as file:
                line = re.search(r"^MODELS: (.*)$", file.read(), re.MULTILINE)
            if not line:
                yield test
                continue
            for name in line[1].split():
                if name not in INPUTS:
                    litConfig.fatal(f"{test.getSourcePath()}: expected models of {sorted(INPUTS)}, got '{name}'")
                config = copy.copy(localConfig)
                folder = "%demo" if name == "demo" else f"%models/{name}"
                config.substitutions = [("%{model}", folder), ("%{input}", INPUTS[name]),
                                        *localConfig.substitutions]
                of_model = ModelTest(testSuite, path_in_suite + (name,), config, test.getSourcePath())
                if name != "demo":
                    of_model.requires.append("models")
                yield of_model
