/* The product of a decoding step: a few rows times a weight that lies in blocks of 16 outputs, (outputs / 16, inputs, 16).
 *
 * General routines lay out a weight anew in every call, which with few rows takes longer than the sums. Here a block comes from memory
 * once and stays near for all rows, while the sums of up to six of them stay in registers.
 *
 * Compiled for vectors of 256 bits. OpenMP's functions are left to be found in the process, so that the threads are PyTorch's.
 */
#include <omp.h>

#define COLUMNS 16 /* outputs in a block: two vectors */
#define TILE 6     /* rows at a time: 12 of 16 registers hold sums */

typedef float vector __attribute__((vector_size(32), aligned(4), may_alias));

/* `count` rows with one block; `count` and `fetch` are constants wherever this is inlined. */
static inline __attribute__((always_inline)) void
tile(const int count, const int fetch, const float *x, long inputs, const float *block, float *out, long outputs, int adds)
{
    vector sums[TILE][2] = {0};
    for (long i = 0; i < inputs; i++) {
        const vector first = *(const vector *)(block + i * COLUMNS);
        const vector second = *(const vector *)(block + i * COLUMNS + COLUMNS / 2);
        if (fetch) /* the next block, a line at a time */
            __builtin_prefetch(block + (inputs + i) * COLUMNS);
#pragma GCC unroll 6
        for (int row = 0; row < count; row++) {
            const float factor = x[row * inputs + i];
            sums[row][0] += factor * first;
            sums[row][1] += factor * second;
        }
    }
#pragma GCC unroll 6
    for (int row = 0; row < count; row++) {
        vector *result = (vector *)(out + row * outputs);
        for (int half = 0; half < 2; half++)
            if (adds)
                result[half] += sums[row][half];
            else
                result[half] = sums[row][half];
    }
}

/* All rows with one block. */
static void with_block(const float *x, long rows, long inputs, const float *block, float *out, long outputs, int adds)
{
    int count;
    for (long row = 0; row < rows; row += count) {
        const long left = rows - row;
        const float *from = x + row * inputs;
        float *to = out + row * outputs;
        count = left < TILE ? (int)left : TILE;
#define WITH(n) \
    case n: \
        row ? tile(n, 0, from, inputs, block, to, outputs, adds) : tile(n, 1, from, inputs, block, to, outputs, adds); \
        break;
        switch (count) { WITH(1) WITH(2) WITH(3) WITH(4) WITH(5) WITH(6) }
    }
}

/* x (rows, inputs) times `blocks` blocks to out (rows, blocks * 16), all contiguous; `adds`: to what is in `out`. */
void flamingo_few_rows(const float *x, const float *weight, float *out, long rows, long inputs, long blocks, int adds)
{
#pragma omp parallel
    {
        const long thread = omp_get_thread_num(), threads = omp_get_num_threads();
        for (long b = blocks * thread / threads; b < blocks * (thread + 1) / threads; b++)
            with_block(x, rows, inputs, weight + b * inputs * COLUMNS, out + b * COLUMNS, blocks * COLUMNS, adds);
    }
}
