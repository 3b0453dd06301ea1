/* Attention without a mask, or causal, and its gradients: the weights of a few queries at a time, which stay near.
 *
 * Heads lie where they are, (b, heads, tokens, width) with any steps between them. What is read over and over is brought together first,
 * for memory at even distances shares a few lines of the nearest cache.
 */
#include "vectors.h"

#define GROUP 66 /* queries at a time */

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

/* (tokens, width) from one step between tokens to another. */
static void copy(const float *x, long step, long tokens, long width, float *to, long to_step)
{
    for (long token = 0; token < tokens; token++)
        memcpy(to + token * to_step, x + token * step, width * sizeof(float));
}

#define ZIP(x, y, ...) __builtin_shuffle(x, y, (integers){__VA_ARGS__})

/* LANES vectors `step` apart, their rows to columns, to `to`, COLUMNS apart. */
INLINE void transpose(const float *x, long step, float *to)
{
    vector rows[LANES], pairs[LANES];
    for (int i = 0; i < LANES; i++)
        rows[i] = *(const vector *)(x + i * step);
    for (int i = 0; i < LANES; i += 2) {
        pairs[i] = ZIP(rows[i], rows[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        pairs[i + 1] = ZIP(rows[i], rows[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int i = 0; i < LANES; i += 4)
        for (int half = 0; half < 2; half++) {
            rows[i + 2 * half] = ZIP(pairs[i + half], pairs[i + 2 + half], 0, 1, 8, 9, 4, 5, 12, 13);
            rows[i + 2 * half + 1] = ZIP(pairs[i + half], pairs[i + 2 + half], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int i = 0; i < LANES / 2; i++) {
        *(vector *)(to + i * COLUMNS) = ZIP(rows[i], rows[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        *(vector *)(to + (i + 4) * COLUMNS) = ZIP(rows[i], rows[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

/* (tokens, width) to (tokens / 16, width, 16), with zeros for tokens that aren't there. */
static void turn(const float *x, long step, long tokens, long width, float *to)
{
    for (; tokens > 0; tokens -= COLUMNS, x += COLUMNS * step, to += COLUMNS * width)
        if (tokens >= COLUMNS)
            for (long i = 0; i < width; i += LANES)
                for (long token = 0; token < COLUMNS; token += LANES)
                    transpose(x + token * step + i, step, to + i * COLUMNS + token);
        else
            for (long i = 0; i < width; i++)
                for (long token = 0; token < COLUMNS; token++)
                    to[i * COLUMNS + token] = token < tokens ? x[token * step + i] : 0.0f;
}

/* How many keys a query sees. */
INLINE long seen_by(const Attention *a, long query) { return a->causal ? SMALLER(query + 1, a->keys) : a->keys; }

/* How many weights of a query there are, zeros at the end included: as many as any query beside it in a tile sees. */
INLINE long written_by(const Attention *a, long query) { return whole_tiles(seen_by(a, query + TILE - 1)); }

/* The first of the queries from `first` on that sees a key, counted from there. */
INLINE long first_to_see(const Attention *a, long key, long first) { return a->causal && key > first ? key - first : 0; }

/* What each of some queries, (rows, width), makes of each key that it sees, of keys that were turned: (rows, most). */
static void scores(const Attention *a, long first, long rows, const float *x, long step, const float *turned, float *out, long most)
{
    const long seen = seen_by(a, first + rows - 1);
    for (long key = 0; key < seen; key += COLUMNS) {
        const long row = first_to_see(a, key, first);
        rows_times((Matrix){x + row * step, step, 1}, rows - row, a->width, turned + key * a->width, COLUMNS, 0, 0,
                   out + row * most + key, most);
    }
}

/* Queries' weights (rows, most) times values (keys, width), to `out`. */
static void times_values(const Attention *a, long first, long rows, const float *weights, long most, const float *values,
                         float *out, long step)
{
    for (long column = 0; column < a->width; column += COLUMNS)
        for (long row = 0; row < rows; row += TILE) {
            const long count = SMALLER(TILE, rows - row), seen = seen_by(a, first + row + count - 1);
            rows_times((Matrix){weights + row * most, most, 1}, count, seen, values + column, a->width, 0, 0,
                       out + row * step + column, step);
        }
}

/* What weights (rows, most) bring of the queries' x (rows, width) to the keys that they see: added to out (keys, width). */
static void add_to_keys(const Attention *a, long first, long rows, const float *weights, long most, const float *x, float *out)
{
    const long seen = seen_by(a, first + rows - 1);
    for (long column = 0; column < a->width; column += COLUMNS)
        for (long key = 0; key < seen; key += TILE) {
            const long row = first_to_see(a, key, first);
            float *to = out + key * a->width + column;
            rows_times((Matrix){weights + row * most + key, 1, most}, SMALLER(TILE, seen - key), rows - row,
                       x + row * a->width + column, a->width, 0, to, to, a->width);
        }
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

/* All heads that share the keys and values of head `shared`. */
static void forward(const Attention *a, long b, long shared, float *room)
{
    const long width = a->width, most = whole_tiles(a->keys), heads = a->heads / a->kv_heads;
    float *turned = room, *values = turned + most * width, *weights = values + most * width;
    turn(at(a->key, b, shared, 0), a->key.token, a->keys, width, turned);
    copy(at(a->value, b, shared, 0), a->value.token, a->keys, width, values, width);
    for (long head = shared * heads; head < (shared + 1) * heads; head++)
        for (long first = 0; first < a->queries; first += GROUP) {
            const long rows = SMALLER(GROUP, a->queries - first);
            float *logs = a->logs + (b * a->heads + head) * a->queries + first;
            scores(a, first, rows, at(a->query, b, head, first), a->query.token, turned, weights, most);
            for (long row = 0; row < rows; row++)
                logs[row] = softmax(weights + row * most, seen_by(a, first + row), written_by(a, first + row), a->scale);
            times_values(a, first, rows, weights, most, values, at(a->out, b, head, first), a->out.token);
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
            const long rows = SMALLER(GROUP, a->queries - first);
            const float *logs = a->logs + (b * a->heads + head) * a->queries + first;
            copy(at(a->query, b, head, first), a->query.token, rows, width, queries, width);
            copy(at(a->slope, b, head, first), a->slope.token, rows, width, given, width);
            scores(a, first, rows, queries, width, turned_keys, weights, most);
            scores(a, first, rows, given, width, turned_values, slopes, most);
            for (long row = 0; row < rows; row++)
                softmax_backward(weights + row * most, slopes + row * most, seen_by(a, first + row), written_by(a, first + row),
                                 a->scale, logs[row]);
            add_to_keys(a, first, rows, weights, most, given, to_values);
            times_values(a, first, rows, slopes, most, keys, at(a->to_query, b, head, first), a->to_query.token);
            add_to_keys(a, first, rows, slopes, most, queries, to_keys);
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
