/* What the compiled pieces are made of: vectors of 256 bits and a product whose sums stay in registers.
 *
 * OpenMP's functions are left to be found in the process, so that the threads are PyTorch's.
 */
#include <math.h>
#include <omp.h>
#include <string.h>

#define LANES 8              /* numbers in a vector */
#define COLUMNS (2 * LANES)  /* outputs of a tile */
#define TILE 6               /* rows of a tile: 12 of 16 registers hold sums */
#define SMALLER(a, b) ((a) < (b) ? (a) : (b))
#define INLINE static inline __attribute__((always_inline))

typedef float vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int integers __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

/* A matrix's number (row, column) lies at data[row * row_step + column * column_step]. */
typedef struct {
    const float *data;
    long row_step, column_step;
} Matrix;

/* `count` rows of x times COLUMNS columns of a matrix (inner, ...), its numbers side by side, and `base` if there is one: to `out`.
 *
 * `base` lies as `out` does and may be it. `count` is a constant wherever this is inlined; `ahead`: how far on the columns lie that are to
 * be fetched meanwhile, 0: none. The sums are in assembly because compilers choose forms of it that make them move numbers about.
 */
INLINE void tile(const int count, Matrix x, long inner, const float *columns, long step, long ahead,
                 const float *base, float *out, long out_step)
{
    vector sums[TILE][2] = {0};
#pragma GCC unroll 6
    for (int row = 0; row < count; row++) /* what will be written */
        __builtin_prefetch(out + row * out_step, 1);
    for (long i = 0; i < inner; i++) {
        const vector first = *(const vector *)(columns + i * step), second = *(const vector *)(columns + i * step + LANES);
        if (ahead)
            __builtin_prefetch(columns + ahead + i * step);
#pragma GCC unroll 6
        for (int row = 0; row < count; row++) {
            const float f = x.data[row * x.row_step + i * x.column_step];
            const vector factor = {f, f, f, f, f, f, f, f};
            __asm__("vfmadd231ps %2, %1, %0" : "+x"(sums[row][0]) : "x"(factor), "x"(first));
            __asm__("vfmadd231ps %2, %1, %0" : "+x"(sums[row][1]) : "x"(factor), "x"(second));
        }
    }
#pragma GCC unroll 6
    for (int row = 0; row < count; row++) {
        vector *result = (vector *)(out + row * out_step);
        const vector *from = (const vector *)(base + row * out_step);
        for (int half = 0; half < 2; half++)
            if (base)
                result[half] = from[half] + sums[row][half];
            else
                result[half] = sums[row][half];
    }
}

/* The same for any number of rows; the first tile fetches. */
INLINE void rows_times(Matrix x, long rows, long inner, const float *columns, long step, long ahead,
                       const float *base, float *out, long out_step)
{
    int count;
    for (long row = 0; row < rows; row += count) {
        count = (int)SMALLER(TILE, rows - row);
        const Matrix from = {x.data + row * x.row_step, x.row_step, x.column_step};
        const float *below = base ? base + row * out_step : 0;
        float *to = out + row * out_step;
#define WITH(n) \
    case n: \
        if (ahead && !row) \
            tile(n, from, inner, columns, step, ahead, below, to, out_step); \
        else \
            tile(n, from, inner, columns, step, 0, below, to, out_step); \
        break;
        switch (count) { WITH(1) WITH(2) WITH(3) WITH(4) WITH(5) WITH(6) }
#undef WITH
    }
}

INLINE float sum_of(vector x)
{
    float sum = 0;
    for (int i = 0; i < LANES; i++)
        sum += x[i];
    return sum;
}

INLINE vector larger(vector a, vector b)
{
    const integers first = a > b;
    return (vector)((first & (integers)a) | (~first & (integers)b));
}

/* e to the power of x, for x up to 88; 0 under -87, NaN of NaN.
 *
 * x is a whole number of ln 2 (subtracted in two parts, the first of few digits) and a rest, of which a polynomial is taken.
 */
INLINE vector exponential(vector x)
{
    const float shift = 12582912.0f; /* 1.5 * 2^23: added to a small number, its last digit stands for 1 */
    const vector shifted = x * 1.44269504f + shift, whole = shifted - shift;
    const vector rest = x - whole * 0.693359375f + whole * 2.12194440e-4f;
    vector sum = rest * (1.0f / 5040) + 1.0f / 720;
    sum = sum * rest + 1.0f / 120;
    sum = sum * rest + 1.0f / 24;
    sum = sum * rest + 1.0f / 6;
    sum = sum * rest + 0.5f;
    sum = sum * rest + 1.0f;
    sum = sum * rest + 1.0f;
    const integers power = ((integers)shifted + 127) << 23, gone = x < -87.0f;
    return (vector)(~gone & (integers)(sum * (vector)power));
}

INLINE float largest_of(vector x)
{
    float largest = x[0];
    for (int i = 1; i < LANES; i++)
        largest = x[i] > largest ? x[i] : largest;
    return largest;
}

/* exp(scale * x) over its sum, in place, zeros from `count` to `columns`, whole vectors; returns the logarithm of the sum. */
INLINE float softmax(float *x, long count, long columns, float scale)
{
    for (long i = count; i < columns; i++)
        x[i] = -INFINITY;
    vector tops = *(vector *)x, sums = {0};
    for (long i = LANES; i < columns; i += LANES)
        tops = larger(*(vector *)(x + i), tops);
    const float top = largest_of(tops);
    for (long i = 0; i < columns; i += LANES) {
        vector *some = (vector *)(x + i);
        *some = exponential((*some - top) * scale);
        sums += *some;
    }
    const float sum = sum_of(sums);
    for (long i = 0; i < columns; i += LANES)
        *(vector *)(x + i) *= 1.0f / sum;
    return top * scale + logf(sum);
}
