/* Attention without a mask, or causal, and its gradients: the weights of a few queries at a time, which stay near.
 *
 * Heads lie where they are, (b, heads, tokens, width) with any steps between them. What is read over and over is brought together first,
 * for memory at even distances shares a few lines of the nearest cache.
 */
#include <math.h>

#include "vectors.h"

#define GROUP 48 /* queries at a time */

typedef struct {
    float *data;
    long batch, head, token; /* steps; a token's numbers lie side by side */
} Heads;

typedef struct {
    Heads query, key, value, out, slope, to_query, to_key, to_value; /* slope: the gradient of `out`; to_...: gradients to be written */
    float *logs;                                                     /* (b, heads, queries): of the sums of exponentials */
    float *room;                                                     /* for each thread, as much as flamingo_attention_room says */
    long batch, heads, kv_heads, queries, keys, width, threads;
    int causal; /* the first query sees the first key, each later one one more */
    float scale;
} Attention;

INLINE long whole_tiles(long columns) { return (columns + COLUMNS - 1) / COLUMNS * COLUMNS; }

/* Numbers that a thread needs room for. */
long flamingo_attention_room(long keys, long width)
{
    return whole_tiles(keys) * (5 * width + 2 * GROUP) + 2 * GROUP * width;
}

INLINE float *at(Heads x, long b, long head, long token) { return x.data + b * x.batch + head * x.head + token * x.token; }

INLINE float largest_of(vector x)
{
    float largest = x[0];
    for (int i = 1; i < LANES; i++)
        largest = x[i] > largest ? x[i] : largest;
    return largest;
}

/* (tokens, width) from one step between tokens to another. */
static void copy(const float *x, long step, long tokens, long width, float *to, long to_step)
{
    for (long token = 0; token < tokens; token++)
        memcpy(to + token * to_step, x + token * step, width * sizeof(float));
}

/* (tokens, width) to (tokens / 16, width, 16), with zeros for tokens that aren't there. */
static void turn(const float *x, long step, long tokens, long width, float *to)
{
    for (; tokens > 0; tokens -= COLUMNS, x += COLUMNS * step)
        for (long i = 0; i < width; i++, to += COLUMNS)
            if (tokens >= COLUMNS)
#pragma GCC unroll 16
                for (long token = 0; token < COLUMNS; token++)
                    to[token] = x[token * step + i];
            else
                for (long token = 0; token < COLUMNS; token++)
                    to[token] = token < tokens ? x[token * step + i] : 0.0f;
}

/* What each of some queries makes of each key, (rows, columns), from (rows, width) and keys that were turned. */
static void scores(const float *x, long step, long rows, const float *turned, long columns, long width, float *out, long out_step)
{
    const Matrix all = {x, step, 1};
    for (long column = 0; column < columns; column += COLUMNS)
        rows_times(all, rows, width, turned + column * width, COLUMNS, 0, 0, out + column, out_step);
}

/* (rows, inner) of x times (inner, width): written to `out`, or added. */
INLINE void times(Matrix x, long rows, long inner, const float *values, long width, float *out, long out_step, int adds)
{
    for (long column = 0; column < width; column += COLUMNS)
        rows_times(x, rows, inner, values + column, width, 0, adds ? out + column : 0, out + column, out_step);
}

/* A query's scores to weights, zeros from `count` to `columns`; returns the logarithm of the sum of exponentials. */
static float softmax(float *x, long count, long columns, float scale)
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

/* A query's scores to weights again, and the weights' gradients to those of the scores. */
static void softmax_backward(float *x, float *slopes, long count, long columns, float scale, float log)
{
    for (long i = count; i < columns; i++) {
        x[i] = -INFINITY;
        slopes[i] = 0;
    }
    vector along = {0};
    for (long i = 0; i < columns; i += LANES) {
        vector *some = (vector *)(x + i);
        *some = exponential(*some * scale - log);
        along += *some * *(vector *)(slopes + i);
    }
    const float mean = sum_of(along);
    for (long i = 0; i < columns; i += LANES) {
        vector *some = (vector *)(slopes + i);
        *some = (*some - mean) * *(vector *)(x + i) * scale;
    }
}

/* How many keys a query sees. */
INLINE long seen_by(const Attention *a, long query) { return a->causal ? SMALLER(query + 1, a->keys) : a->keys; }

/* All heads that share the keys and values of head `shared`. */
static void forward(const Attention *a, long b, long shared, float *room)
{
    const long width = a->width, most = whole_tiles(a->keys), heads = a->heads / a->kv_heads;
    float *turned = room, *values = turned + most * width, *weights = values + most * width;
    turn(at(a->key, b, shared, 0), a->key.token, a->keys, width, turned);
    copy(at(a->value, b, shared, 0), a->value.token, a->keys, width, values, width);
    for (long head = shared * heads; head < (shared + 1) * heads; head++)
        for (long first = 0; first < a->queries; first += GROUP) {
            const long rows = SMALLER(GROUP, a->queries - first), seen = seen_by(a, first + rows - 1), columns = whole_tiles(seen);
            float *logs = a->logs + (b * a->heads + head) * a->queries + first;
            scores(at(a->query, b, head, first), a->query.token, rows, turned, columns, width, weights, most);
            for (long row = 0; row < rows; row++)
                logs[row] = softmax(weights + row * most, seen_by(a, first + row), columns, a->scale);
            times((Matrix){weights, most, 1}, rows, seen, values, width, at(a->out, b, head, first), a->out.token, 0);
        }
}

static void backward(const Attention *a, long b, long shared, float *room)
{
    const long width = a->width, most = whole_tiles(a->keys), heads = a->heads / a->kv_heads, each = most * width;
    float *turned_keys = room, *turned_values = turned_keys + each, *keys = turned_values + each;
    float *to_keys = keys + each, *to_values = to_keys + each;
    float *queries = to_values + each, *given = queries + GROUP * width, *weights = given + GROUP * width, *slopes = weights + GROUP * most;
    turn(at(a->key, b, shared, 0), a->key.token, a->keys, width, turned_keys);
    turn(at(a->value, b, shared, 0), a->value.token, a->keys, width, turned_values);
    copy(at(a->key, b, shared, 0), a->key.token, a->keys, width, keys, width);
    memset(to_keys, 0, 2 * each * sizeof(float));
    for (long head = shared * heads; head < (shared + 1) * heads; head++)
        for (long first = 0; first < a->queries; first += GROUP) {
            const long rows = SMALLER(GROUP, a->queries - first), seen = seen_by(a, first + rows - 1), columns = whole_tiles(seen);
            const float *logs = a->logs + (b * a->heads + head) * a->queries + first;
            copy(at(a->query, b, head, first), a->query.token, rows, width, queries, width);
            copy(at(a->slope, b, head, first), a->slope.token, rows, width, given, width);
            scores(queries, width, rows, turned_keys, columns, width, weights, most);
            scores(given, width, rows, turned_values, columns, width, slopes, most);
            for (long row = 0; row < rows; row++)
                softmax_backward(weights + row * most, slopes + row * most, seen_by(a, first + row), columns, a->scale, logs[row]);
            times((Matrix){weights, 1, most}, seen, rows, given, width, to_values, width, 1);
            times((Matrix){slopes, most, 1}, rows, seen, keys, width, at(a->to_query, b, head, first), a->to_query.token, 0);
            times((Matrix){slopes, 1, most}, seen, rows, queries, width, to_keys, width, 1);
        }
    copy(to_keys, width, a->keys, width, at(a->to_key, b, shared, 0), a->to_key.token);
    copy(to_values, width, a->keys, width, at(a->to_value, b, shared, 0), a->to_value.token);
}

void flamingo_attention(const Attention *a, int gradients)
{
    const long room = flamingo_attention_room(a->keys, a->width);
#pragma omp parallel for num_threads((int)a->threads)
    for (long i = 0; i < a->batch * a->kv_heads; i++)
        (gradients ? backward : forward)(a, i / a->kv_heads, i % a->kv_heads, a->room + omp_get_thread_num() * room);
}
