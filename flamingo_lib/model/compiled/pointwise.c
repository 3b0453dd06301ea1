/* The gated activation and the norm of Llama-like layers, in one pass over memory each; rows are of whole vectors. */
#include <math.h>

#include "vectors.h"

#define AT(x, i) (*(vector *)((x) + (i)))
#define READ(x, i) (*(const vector *)((x) + (i)))

INLINE vector logistic(vector x) { return 1.0f / (1.0f + exponential(-larger(x, (vector){0} - 80.0f))); }

/* both (rows, 2 * width), gate and up side by side, to silu(gate) * up, (rows, width). */
void flamingo_swiglu(const float *both, float *out, long rows, long width)
{
#pragma omp parallel for
    for (long row = 0; row < rows; row++)
        for (long i = 0; i < width; i += LANES) {
            const float *gate = both + 2 * row * width + i;
            AT(out, row * width + i) = READ(gate, 0) * logistic(READ(gate, 0)) * READ(gate, width);
        }
}

void flamingo_swiglu_backward(const float *slope, const float *both, float *result, long rows, long width)
{
#pragma omp parallel for
    for (long row = 0; row < rows; row++)
        for (long i = 0; i < width; i += LANES) {
            const long at = 2 * row * width + i;
            const vector gate = READ(both, at), share = logistic(gate), given = READ(slope, row * width + i) * share;
            AT(result, at) = given * READ(both, at + width) * (1.0f + gate * (1.0f - share));
            AT(result, at + width) = given * gate;
        }
}

INLINE float along(const float *x, const float *y, long width)
{
    vector sums = {0};
    for (long i = 0; i < width; i += LANES)
        sums += READ(x, i) * READ(y, i);
    return sum_of(sums);
}

/* x (rows, width) over the root of its mean square; `scales` (rows,): what each row was multiplied by. */
void flamingo_normalise(const float *x, float *out, float *scales, long rows, long width, float epsilon)
{
#pragma omp parallel for
    for (long row = 0; row < rows; row++) {
        const float *from = x + row * width;
        const float scale = 1.0f / sqrtf(along(from, from, width) / width + epsilon);
        scales[row] = scale;
        for (long i = 0; i < width; i += LANES)
            AT(out, row * width + i) = READ(from, i) * scale;
    }
}

void flamingo_normalise_backward(const float *slope, const float *x, const float *scales, float *result, long rows, long width)
{
#pragma omp parallel for
    for (long row = 0; row < rows; row++) {
        const float *from = x + row * width, *given = slope + row * width;
        const float scale = scales[row], share = along(given, from, width) * scale * scale * scale / width;
        for (long i = 0; i < width; i += LANES)
            AT(result, row * width + i) = READ(given, i) * scale - READ(from, i) * share;
    }
}
