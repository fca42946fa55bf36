//===- CalibrateTest.cpp - Calibration with a model made of C++ -----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Calibration/Calibrate.h"
#include "qopt/Calibration/InputMeans.h"

#include "gtest/gtest.h"
#include <cmath>

using namespace llvm;
using namespace qopt;

namespace {

/// y = x * 2, log(x): two edges of an input of four numbers.
class FakeRunner : public ModelRunner {
public:
  explicit FakeRunner(bool isComplete = true) : isComplete(isComplete) {}

  ArrayRef<TensorSpec> inputs() const override { return specs; }
  ArrayRef<EdgeInfo> edges() const override { return infos; }

  Error run(ArrayRef<HostTensor> inputs, EdgeSink sink) override {
    ArrayRef<float> x = inputs[0].data<float>();
    std::vector<float> doubled, logs;
    for (float value : x) {
      doubled.push_back(value * 2);
      logs.push_back(std::log(value));
    }
    sink(0, doubled.data(), doubled.size());
    if (isComplete)
      sink(1, logs.data(), logs.size());
    return Error::success();
  }

private:
  bool isComplete;
  std::vector<TensorSpec> specs = {{"x", DType::F32, {4}}};
  std::vector<EdgeInfo> infos = {{"double", {4}, std::nullopt},
                                 {"log", {2, 2}, 1}};
};

/// Sample i is i + 1, i + 2, i + 3, i + 4.
DataSet ramps(ModelRunner &runner, int64_t samples) {
  HostTensor tensor(DType::F32, {samples, 4});
  for (auto [i, value] : enumerate(tensor.data<float>()))
    value = float(i / 4 + i % 4 + 1);
  DataSet data = cantFail(DataSet::fromTensors({{"x", std::move(tensor)}}));
  cantFail(data.bind(runner.inputs()));
  return data;
}

TEST(CalibrateTest, CollectsEveryEdge) {
  FakeRunner runner;
  DataSet data = ramps(runner, 5);
  CalibrationOptions options;
  options.modelName = "fake";
  std::vector<int64_t> steps;
  Expected<CalibrationTable> table =
      calibrate(runner, data, options, [&](int64_t done, int64_t total) {
        EXPECT_EQ(total, 5);
        steps.push_back(done);
      });
  ASSERT_TRUE(bool(table)) << toString(table.takeError());
  EXPECT_EQ(steps, (std::vector<int64_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(table->samples, 5);
  EXPECT_EQ(table->model, "fake");
  ASSERT_EQ(table->edges.size(), 2u);
  EXPECT_EQ(table->edges[0].name, "double");
  EXPECT_EQ(table->edges[0].count, 20);
  EXPECT_EQ(table->edges[0].ranges, (std::vector<RealRange>{{2, 16}}));
  std::vector<RealRange> logs = {{0, std::log(7.0f)},
                                 {std::log(2.0f), std::log(8.0f)}};
  EXPECT_EQ(table->edges[1].ranges, logs);
}

TEST(CalibrateTest, TakesTheFirstSamples) {
  FakeRunner runner;
  DataSet data = ramps(runner, 5);
  CalibrationOptions options;
  options.maxSamples = 2;
  Expected<CalibrationTable> table = calibrate(runner, data, options);
  ASSERT_TRUE(bool(table));
  EXPECT_EQ(table->samples, 2);
  EXPECT_EQ(table->edges[0].ranges, (std::vector<RealRange>{{2, 10}}));
}

TEST(CalibrateTest, NamesEdgeAndSampleThatAreNotFinite) {
  FakeRunner runner;
  HostTensor tensor(DType::F32, {2, 4});
  for (float &value : tensor.data<float>())
    value = 1;
  tensor.data<float>()[6] = 0; // log(0)
  DataSet data = cantFail(DataSet::fromTensors({{"x", std::move(tensor)}}));
  cantFail(data.bind(runner.inputs()));
  Expected<CalibrationTable> table = calibrate(runner, data, {});
  ASSERT_FALSE(bool(table));
  EXPECT_EQ(toString(table.takeError()),
            "edge 'log': sample 1: expected finite values, got -inf at element "
            "2 of 2x2");
}

TEST(CalibrateTest, EveryEdgeMustReport) {
  FakeRunner runner(/*isComplete=*/false);
  DataSet data = ramps(runner, 1);
  Expected<CalibrationTable> table = calibrate(runner, data, {});
  ASSERT_FALSE(bool(table));
  EXPECT_EQ(toString(table.takeError()),
            "edge 'log': expected values from the run, got none");
}

static std::string printed(const CalibrationTable &table) {
  std::string text;
  raw_string_ostream os(text);
  table.print(os, /*withHistograms=*/true);
  return text;
}

TEST(CalibrateTest, ThreadsGiveTheSameBytes) {
  FakeRunner runner;
  for (ObserverKind kind :
       {ObserverKind::MinMax, ObserverKind::MovingAverage,
        ObserverKind::Percentile, ObserverKind::Entropy, ObserverKind::Mse}) {
    HostTensor tensor(DType::F32, {200, 4});
    for (auto [i, value] : enumerate(tensor.data<float>()))
      value = std::exp(float(i * i % 37) / 5 - 3);
    DataSet data = cantFail(DataSet::fromTensors({{"x", std::move(tensor)}}));
    cantFail(data.bind(runner.inputs()));
    CalibrationOptions options;
    options.observer.kind = kind;
    std::string alone = printed(cantFail(calibrate(runner, data, options)));
    options.threads = 3;
    for (int round = 0; round < 5; ++round) {
      std::vector<int64_t> steps;
      auto note = [&](int64_t done, int64_t) { steps.push_back(done); };
      EXPECT_EQ(printed(cantFail(calibrate(runner, data, options, note))),
                alone)
          << observerName(kind).str();
      ASSERT_EQ(steps.size(), 200u);
      EXPECT_TRUE(llvm::is_sorted(steps));
    }
  }
}

TEST(CalibrateTest, ThreadsNameTheFirstBadSample) {
  FakeRunner runner;
  for (int round = 0; round < 20; ++round) {
    HostTensor tensor(DType::F32, {100, 4});
    for (float &value : tensor.data<float>())
      value = 1;
    for (int64_t sample : {40, 41, 42})
      tensor.data<float>()[sample * 4 + 1] = 0; // log(0)
    DataSet data = cantFail(DataSet::fromTensors({{"x", std::move(tensor)}}));
    cantFail(data.bind(runner.inputs()));
    CalibrationOptions options;
    options.threads = 4;
    Expected<CalibrationTable> table = calibrate(runner, data, options);
    ASSERT_FALSE(bool(table));
    EXPECT_EQ(toString(table.takeError()),
              "edge 'log': sample 40: expected finite values, got -inf at "
              "element 1 of 2x2");
  }
}

TEST(InputMeansTest, OneMeanForEachWeight) {
  // A row of 2 x 3 weights on an image of 4 x 5: every weight meets 6 elements.
  LayerInput layer;
  layer.weights = {{2, 5}, {3, 1}};
  layer.positions = {{2, 10}, {3, 1}};
  InputMeans means({layer, LayerInput()});
  EXPECT_TRUE(means.means(0).empty());
  std::vector<float> image(20), second(20, 1.0f);
  for (auto [i, value] : enumerate(image))
    value = float(i * i % 7) - 2.5f;
  means.add(0, image);
  means.add(0, second);
  std::vector<double> got = means.means(0);
  ASSERT_EQ(got.size(), 6u);
  for (int kh = 0; kh < 2; ++kh)
    for (int kw = 0; kw < 3; ++kw) {
      double sum = 6;
      for (int oh = 0; oh < 2; ++oh)
        for (int ow = 0; ow < 3; ++ow)
          sum += image[(oh * 2 + kh) * 5 + ow + kw];
      EXPECT_DOUBLE_EQ(got[kh * 3 + kw], sum / 12);
    }
}

TEST(InputMeansTest, TheOrderDoesNotMatter) {
  LayerInput layer;
  layer.weights = {{1, 1}};
  layer.positions = {{3, 1}};
  InputMeans forwards({layer}), backwards({layer});
  for (int i = 0; i < 100; ++i) {
    std::vector<float> values = {std::exp(float(i * 37 % 100) / 7), 0.1f,
                                 -1e-6f};
    forwards.add(0, values);
    values[0] = std::exp(float((99 - i) * 37 % 100) / 7);
    backwards.add(0, values);
  }
  EXPECT_EQ(forwards.means(0), backwards.means(0));
}

/// One run over all samples, and two runs merged.
TEST(CalibrateTest, MergedRunsEqualOneRun) {
  FakeRunner runner;
  HostTensor all(DType::F32, {40, 4});
  for (auto [i, value] : enumerate(all.data<float>()))
    value = std::exp(float(i * i % 37) / 5 - 3);
  auto part = [&](int64_t begin, int64_t end) {
    HostTensor tensor(DType::F32, {end - begin, 4});
    llvm::copy(all.data<float>().slice(begin * 4, (end - begin) * 4),
               tensor.data<float>().begin());
    DataSet data = cantFail(DataSet::fromTensors({{"x", std::move(tensor)}}));
    cantFail(data.bind(runner.inputs()));
    return data;
  };
  for (ObserverKind kind : {ObserverKind::MinMax, ObserverKind::Percentile,
                            ObserverKind::Entropy, ObserverKind::Mse}) {
    CalibrationOptions options;
    options.observer.kind = kind;
    CalibrationTable whole = cantFail(calibrate(runner, part(0, 40), options));
    CalibrationTable first = cantFail(calibrate(runner, part(0, 13), options));
    CalibrationTable second =
        cantFail(calibrate(runner, part(13, 40), options));
    // Through the file, as users do.
    first = cantFail(CalibrationTable::parse(printed(first), "first"));
    second = cantFail(CalibrationTable::parse(printed(second), "second"));
    Expected<CalibrationTable> merged =
        CalibrationTable::merge({first, second});
    ASSERT_TRUE(bool(merged)) << toString(merged.takeError());
    EXPECT_EQ(printed(*merged), printed(whole)) << observerName(kind).str();
  }
}

} // namespace
