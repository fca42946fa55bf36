#include "qopt/Support/QuantMath.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace qopt;

TEST(QuantMath, TiesGoToEven) {
  EXPECT_EQ(roundToStorage(0.5f, 0, -128, 127), 0);
  EXPECT_EQ(roundToStorage(1.5f, 0, -128, 127), 2);
  EXPECT_EQ(roundToStorage(-2.5f, 0, -128, 127), -2);
}

TEST(QuantMath, NaNGivesTheZeroPoint) {
  EXPECT_EQ(quantize(std::nanf(""), 1.0f, 7, 0, 255), 7);
}

TEST(QuantMath, ClampsBeforeConverting) {
  EXPECT_EQ(quantize(1e30f, 1.0f, 128, 0, 255), 255);
  EXPECT_EQ(quantize(-INFINITY, 1.0f, 128, 0, 255), 0);
}
