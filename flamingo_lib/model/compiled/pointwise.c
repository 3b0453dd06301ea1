/* Activations, norm and probabilities, in one pass over memory each; rows are of whole vectors. */
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

/* x times the share of a normal distribution under it, and, unless null, the slopes of that, from one exponential; whole vectors.
 *
 * The share is by Abramowitz and Stegun's 7.1.26, to 1.5e-7.
 */
void flamingo_gelu(const float *x, float *out, float *slopes, long count)
{
#pragma omp parallel for
    for (long i = 0; i < count; i += LANES) {
        const vector given = READ(x, i), far = larger(given, -given) * 0.70710678f, falling = exponential(-far * far);
        const vector t = 1.0f / (1.0f + 0.3275911f * far);
        const vector sum = (((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t - 0.284496736f) * t + 0.254829592f;
        const vector beyond = 0.5f * sum * t * falling;
        const integers below = given < 0;
        const vector share = (vector)((below & (integers)beyond) | (~below & (integers)(1.0f - beyond)));
        AT(out, i) = given * share;
        if (slopes)
            AT(slopes, i) = share + given * falling * 0.39894228f;
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

/* Logits x (rows, width) to probabilities, in place. */
void flamingo_softmax(float *x, long rows, long width)
{
#pragma omp parallel for
    for (long row = 0; row < rows; row++)
        softmax(x + row * width, width, width, 1.0f);
}
