/* What the compiled pieces are made of: vectors of 256 bits and a product whose sums stay in registers.
 *
 * OpenMP's functions are left to be found in the process, so that the threads are PyTorch's.
 */
#include <immintrin.h>
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

/* Eight rows of eight numbers to eight of their columns, COLUMNS apart. */
INLINE void turn_vectors(const float *x, long step, float *to)
{
    __m256 a[LANES], b[LANES];
    for (int i = 0; i < LANES; i++)
        a[i] = _mm256_loadu_ps(x + i * step);
    for (int i = 0; i < LANES; i += 2) { /* pairs of numbers of two rows */
        b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
    }
    for (int i = 0; i < LANES; i += 4) /* fours of four rows */
        for (int k = 0; k < 2; k++) {
            a[i + 2 * k] = _mm256_shuffle_ps(b[i + k], b[i + k + 2], 0x44);
            a[i + 2 * k + 1] = _mm256_shuffle_ps(b[i + k], b[i + k + 2], 0xEE);
        }
    for (int i = 0; i < LANES / 2; i++) {
        _mm256_storeu_ps(to + i * COLUMNS, _mm256_permute2f128_ps(a[i], a[i + 4], 0x20));
        _mm256_storeu_ps(to + (i + 4) * COLUMNS, _mm256_permute2f128_ps(a[i], a[i + 4], 0x31));
    }
}

/* x (rows, columns) to (rows / 16, columns, 16), with zeros for rows that aren't there. */
INLINE void turn(Matrix x, long rows, long columns, float *to)
{
    for (; rows > 0; rows -= COLUMNS, x.data += COLUMNS * x.row_step, to += COLUMNS * columns) {
        long i = 0;
        if (rows >= COLUMNS && x.row_step == 1)
            for (; i < columns; i++)
                memcpy(to + i * COLUMNS, x.data + i * x.column_step, COLUMNS * sizeof(float));
        else if (rows >= COLUMNS && x.column_step == 1)
            for (; i + LANES <= columns; i += LANES)
                for (long half = 0; half < COLUMNS; half += LANES)
                    turn_vectors(x.data + half * x.row_step + i, x.row_step, to + i * COLUMNS + half);
        for (; i < columns; i++)
            for (long row = 0; row < COLUMNS; row++)
                to[i * COLUMNS + row] = row < rows ? x.data[row * x.row_step + i * x.column_step] : 0.0f;
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
