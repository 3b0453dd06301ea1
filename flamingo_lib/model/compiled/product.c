/* The product with a weight that lies in blocks of 16 outputs, (outputs / 16, inputs, 16).
 *
 * General routines lay out a weight anew in every call, which with few rows takes longer than the sums. Here a block comes from memory
 * once, while the one before it is used, and stays near for all rows; where these are many, for as many as stay near, too.
 */
#include "vectors.h"

#define NEAR 36000 /* numbers of x that do, */
#define FEWEST 24  /* if they are so many rows */

/* x (rows, inputs) times `blocks` blocks, and `base` if there is one, to out (rows, blocks * 16), all contiguous; `base` may be `out`. */
void flamingo_product(const float *x, const float *weight, const float *base, float *out, long rows, long inputs, long blocks)
{
    const long each = inputs * COLUMNS, outputs = blocks * COLUMNS, near = NEAR / inputs / TILE * TILE, some = near < FEWEST ? rows : near;
#pragma omp parallel
    {
        const long thread = omp_get_thread_num(), threads = omp_get_num_threads();
        for (long row = 0; row < rows; row += some)
            for (long b = blocks * thread / threads; b < blocks * (thread + 1) / threads; b++) {
                const long at = row * outputs + b * COLUMNS;
                rows_times((Matrix){x + row * inputs, inputs, 1}, SMALLER(some, rows - row), inputs, weight + b * each, COLUMNS, each,
                           base ? base + at : 0, out + at, outputs);
            }
    }
}
