/* The most multiply-accumulates that one core does: independent chains of
 * vpdpbusd on registers. One call does 2^18 * 12 instructions of 64 MACs. */

#include <immintrin.h>
#include <stdint.h>

enum { CHAINS = 12, STEPS = 1 << 18 };

int64_t peak_macs(void) { return (int64_t)CHAINS * STEPS * 64; }

int peak_run(void) {
  __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(-5), acc[CHAINS];
  for (int i = 0; i < CHAINS; ++i)
    acc[i] = _mm512_setzero_si512();
  for (int step = 0; step < STEPS; ++step) {
    /* Keeps the compiler from folding the loop. */
    __asm__ volatile("" : "+v"(a), "+v"(b));
    for (int i = 0; i < CHAINS; ++i)
      acc[i] = _mm512_dpbusd_epi32(acc[i], a, b);
  }
  __m512i sum = acc[0];
  for (int i = 1; i < CHAINS; ++i)
    sum = _mm512_add_epi32(sum, acc[i]);
  return _mm512_reduce_add_epi32(sum);
}
