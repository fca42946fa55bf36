/* One int8 matrix product by cuBLASLt: y = saturate(alpha * x * w^T), s8 all,
   x: m by k, w: n by k, y: m by n, row-major, in the GPU's memory.
   Column-major, as cuBLASLt sees them, y^T (n by m) = w (k by n, transposed) *
   x^T (k by m). */

#include <cublasLt.h>
#include <stdlib.h>

enum { CANDIDATES = 16, WORKSPACE_BYTES = 32 << 20 };

typedef struct {
  cublasLtHandle_t library;
  cublasLtMatmulDesc_t product;
  cublasLtMatrixLayout_t x, w, y;
  cublasLtMatmulHeuristicResult_t candidates[CANDIDATES];
  int count, chosen;
  float alpha;
  const void *x_data, *w_data;
  void *y_data, *workspace;
  cudaStream_t stream;
} gemm;

size_t gemm_workspace_bytes(void) { return WORKSPACE_BYTES; }

/* Of a product that is not finished: what was not created is null. */
static void destroy(gemm *g) {
  if (g->y)
    cublasLtMatrixLayoutDestroy(g->y);
  if (g->x)
    cublasLtMatrixLayoutDestroy(g->x);
  if (g->w)
    cublasLtMatrixLayoutDestroy(g->w);
  if (g->product)
    cublasLtMatmulDescDestroy(g->product);
  if (g->library)
    cublasLtDestroy(g->library);
  free(g);
}

/* Null where cuBLASLt cannot do it; *status says why. */
gemm *gemm_create(int m, int n, int k, float alpha, const void *x,
                  const void *w, void *y, void *workspace, void *stream,
                  int *status) {
  gemm *g = calloc(1, sizeof *g);
  *status = CUBLAS_STATUS_ALLOC_FAILED;
  if (!g)
    return NULL;
  g->alpha = alpha;
  g->x_data = x, g->w_data = w, g->y_data = y;
  g->workspace = workspace, g->stream = stream;
  const cublasOperation_t transposed = CUBLAS_OP_T;
  const size_t bytes = WORKSPACE_BYTES;
  cublasLtMatmulPreference_t preference = NULL;
#define TRY(call)                                                              \
  if ((*status = (int)(call)) != CUBLAS_STATUS_SUCCESS) {                      \
    if (preference)                                                            \
      cublasLtMatmulPreferenceDestroy(preference);                             \
    destroy(g);                                                                \
    return NULL;                                                               \
  }
  TRY(cublasLtCreate(&g->library));
  TRY(cublasLtMatmulDescCreate(&g->product, CUBLAS_COMPUTE_32I, CUDA_R_32F));
  TRY(cublasLtMatmulDescSetAttribute(g->product, CUBLASLT_MATMUL_DESC_TRANSA,
                                     &transposed, sizeof transposed));
  TRY(cublasLtMatrixLayoutCreate(&g->w, CUDA_R_8I, k, n, k));
  TRY(cublasLtMatrixLayoutCreate(&g->x, CUDA_R_8I, k, m, k));
  TRY(cublasLtMatrixLayoutCreate(&g->y, CUDA_R_8I, n, m, n));
  TRY(cublasLtMatmulPreferenceCreate(&preference));
  TRY(cublasLtMatmulPreferenceSetAttribute(
      preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes,
      sizeof bytes));
  TRY(cublasLtMatmulAlgoGetHeuristic(g->library, g->product, g->w, g->x, g->y,
                                     g->y, preference, CANDIDATES,
                                     g->candidates, &g->count));
#undef TRY
  cublasLtMatmulPreferenceDestroy(preference);
  return g;
}

/* The kernels that cuBLASLt proposes, best first by its own guess. */
int gemm_candidates(const gemm *g) { return g->count; }

/* Returns what cuBLASLt says about it: 0 if it can run. */
int gemm_choose(gemm *g, int candidate) {
  g->chosen = candidate;
  return (int)g->candidates[candidate].state;
}

int gemm_run(void *handle) {
  gemm *g = handle;
  const float beta = 0.0f;
  return (int)cublasLtMatmul(g->library, g->product, &g->alpha, g->w_data, g->w,
                             g->x_data, g->x, &beta, g->y_data, g->y, g->y_data,
                             g->y, &g->candidates[g->chosen].algo, g->workspace,
                             WORKSPACE_BYTES, g->stream);
}
