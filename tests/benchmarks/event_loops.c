/* The systems of idiomatic.py as plain event loops: what the compiled engine is measured against.

   Each loop keeps a binary heap of events, explicit queues, requests in slots with a free list, and measures every
   latency. An event is the end of one delay: the gap before an arrival, one way over the network, or one service. There
   is one for each timeout of the SimPy program, and none besides: delays in a row are not added up, and what takes no
   time (to join a queue, to start a service, to meet a quorum) is done within the event that brings it about.

   Limits: as idiomatic.py; fewer than 2**24 requests in flight, fewer than 2**32 keys and writes. Memory that runs out
   ends the process. */

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define NONE UINT32_MAX

/* --------------------------------------------------------------------------------------------------- memory */

static void *checked(void *memory) {
    if (memory == NULL) {
        fputs("event_loops: out of memory\n", stderr);
        abort();
    }
    return memory;
}

static void *zeroed(size_t count, size_t size) {
    return checked(calloc(count, size));
}

static void *resized(void *memory, size_t count, size_t size) {
    return checked(realloc(memory, count * size));
}

/* --------------------------------------------------------------------------------------------------- random */

enum { UNITS = 128 };

typedef struct {
    uint64_t state[4];
    uint32_t units_left;
    double units[UNITS]; /* exponentials of mean 1 to come, made by the block so that their logarithms overlap */
} Random;

/* xoshiro256+ (Blackman, Vigna), its state filled by splitmix64 as they advise. */
static Random seeded(uint64_t seed) {
    Random random = {.units_left = 0};
    for (int i = 0; i < 4; i++) {
        uint64_t z = seed += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        random.state[i] = z ^ (z >> 31);
    }
    return random;
}

static inline uint64_t random_bits(Random *random) {
    uint64_t *s = random->state, result = s[0] + s[3], shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

/* In [0, 1). */
static inline double uniform(Random *random) {
    return (double)(random_bits(random) >> 11) * 0x1p-53;
}

static void draw_units(Random *random) {
    for (int i = 0; i < UNITS; i++)
        random->units[i] = -log(1.0 - uniform(random));
    random->units_left = UNITS;
}

static inline double exponential(Random *random, double mean) {
    if (UNLIKELY(random->units_left == 0))
        draw_units(random);
    return random->units[--random->units_left] * mean;
}

static inline uint32_t below(Random *random, uint32_t bound) {
    return (uint32_t)(((random_bits(random) >> 32) * bound) >> 32);
}

/* Normals by the ziggurat (Marsaglia, Tsang 2000): 256 layers of one area, the lowest with the tail. */
enum { LAYERS = 256 };
static const double TAIL_FROM = 3.6541528853610088;

typedef struct {
    double edge[LAYERS + 1];
    double height[LAYERS + 1];
} Ziggurat;

static double bell(double x) {
    return exp(-0.5 * x * x);
}

static void build_ziggurat(Ziggurat *ziggurat) {
    double area = TAIL_FROM * bell(TAIL_FROM) + sqrt(acos(-1.0) / 2.0) * erfc(TAIL_FROM / sqrt(2.0));
    double *edge = ziggurat->edge, *height = ziggurat->height;
    edge[0] = area / bell(TAIL_FROM);
    edge[1] = TAIL_FROM;
    for (int i = 1; i < LAYERS - 1; i++)
        edge[i + 1] = sqrt(-2.0 * log(area / edge[i] + bell(edge[i])));
    edge[LAYERS] = 0.0;
    for (int i = 0; i <= LAYERS; i++)
        height[i] = bell(edge[i]);
}

/* Beyond TAIL_FROM, by Marsaglia's method of 1964. */
static double normal_tail(Random *random) {
    double beyond, twice;
    do {
        beyond = exponential(random, 1.0 / TAIL_FROM);
        twice = 2.0 * exponential(random, 1.0);
    } while (twice <= beyond * beyond);
    return TAIL_FROM + beyond;
}

static inline double normal(Random *random, const Ziggurat *ziggurat) {
    for (;;) {
        uint64_t bits = random_bits(random);
        uint32_t layer = (uint32_t)(bits >> 56);
        double x = (double)((int64_t)(bits << 8) >> 10) * 0x1p-53 * ziggurat->edge[layer];
        if (!UNLIKELY(fabs(x) >= ziggurat->edge[layer + 1]))
            return x;
        if (layer == 0)
            return copysign(normal_tail(random), x);
        double low = ziggurat->height[layer], high = ziggurat->height[layer + 1];
        if (low + uniform(random) * (high - low) < bell(x))
            return x;
    }
}

/* ----------------------------------------------------------------------------------------------------- keys */

/* A distribution over ranks by its cumulated probabilities. guide[i] is the first rank whose cdf exceeds i / guides,
   so that the search ends after a step or two; both tables are built by the caller. */
typedef struct {
    const double *cdf;
    const uint32_t *guide;
    uint32_t count;
    uint32_t guides;
} Keys;

enum { KEY_BLOCK = 64 };

/* Keys to come. They are drawn by the block, as the tables exceed the caches, and misses of a block overlap. */
typedef struct {
    Keys law;
    uint32_t left;
    uint32_t drawn[KEY_BLOCK];
    const uint32_t *wanted; /* what will be looked at first, by key */
} KeyStream;

static void draw_keys(KeyStream *keys, Random *random) {
    double u[KEY_BLOCK];
    for (int i = 0; i < KEY_BLOCK; i++) {
        u[i] = uniform(random);
        keys->drawn[i] = keys->law.guide[(uint32_t)(u[i] * keys->law.guides)];
        __builtin_prefetch(&keys->law.cdf[keys->drawn[i]]);
    }
    for (int i = 0; i < KEY_BLOCK; i++) {
        while (keys->law.cdf[keys->drawn[i]] <= u[i])
            keys->drawn[i]++;
        __builtin_prefetch(&keys->wanted[keys->drawn[i]], 1);
    }
    keys->left = KEY_BLOCK;
}

static inline uint32_t next_key(KeyStream *keys, Random *random) {
    if (UNLIKELY(keys->left == 0))
        draw_keys(keys, random);
    return keys->drawn[--keys->left];
}

/* ------------------------------------------------------------------------------------------------- measures */

enum { BIN_BITS = 7, LOWEST_OCTAVE = -30, OCTAVES = 40, BINS = OCTAVES << BIN_BITS };

/* Seconds. A bin is the exponent and the first BIN_BITS bits of the mantissa of a latency. */
typedef struct {
    int64_t count;
    double total_s;
    int64_t bins[BINS];
} Latencies;

static inline void record(Latencies *latencies, double latency_s) {
    uint64_t bits;
    memcpy(&bits, &latency_s, sizeof bits);
    int64_t bin = (int64_t)(bits >> (52 - BIN_BITS)) - ((int64_t)(1023 + LOWEST_OCTAVE) << BIN_BITS);
    bin = bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin;
    latencies->count++;
    latencies->total_s += latency_s;
    latencies->bins[bin]++;
}

/* What a loop measured; where requests are of one kind, they are reads. */
typedef struct {
    Latencies reads;
    Latencies writes;
    int64_t hits;
    int64_t stale;
    int64_t events;
    double read_units;
    double write_units;
} Outcome;

/* --------------------------------------------------------------------------------------------------- events */

/* From the top: 64 bits of the time, 32 of the order in which events were scheduled, 24 of the slot, 8 of the kind.
   Doubles that are not negative are ordered as their bits are, so that one comparison without a branch does. */
typedef unsigned __int128 Event;

static inline Event event_at(double time_s, uint32_t order, uint32_t slot, uint32_t kind) {
    uint64_t bits;
    memcpy(&bits, &time_s, sizeof bits);
    return (Event)bits << 64 | (uint64_t)order << 32 | slot << 8 | kind;
}

static inline double time_of(Event event) {
    uint64_t bits = (uint64_t)(event >> 64);
    double time_s;
    memcpy(&time_s, &bits, sizeof time_s);
    return time_s;
}

/* The root that was taken last is a hole until the next event comes: most events schedule one more. */
typedef struct {
    Event *events;
    uint32_t count; /* with the hole */
    uint32_t capacity;
    uint32_t order;
    bool hole;
} Heap;

/* From the root down. */
static inline void sink(Heap *heap, Event event) {
    Event *events = heap->events;
    uint32_t count = heap->count, at = 0, child = 1;
    while (child + 1 < count) {
        child += events[child + 1] < events[child];
        if (event < events[child]) {
            events[at] = event;
            return;
        }
        events[at] = events[child];
        at = child;
        child = 2 * at + 1;
    }
    if (child < count && events[child] < event) {
        events[at] = events[child];
        at = child;
    }
    events[at] = event;
}

static inline void rise(Heap *heap, Event event) {
    Event *events = heap->events;
    uint32_t at = heap->count++;
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (events[parent] < event)
            break;
        events[at] = events[parent];
        at = parent;
    }
    events[at] = event;
}

/* What all loops have: the clock, its events, random numbers, requests yet to be sent. The next arrival is the only
   one that is known, so it stands beside the heap. */
typedef struct {
    Heap heap;
    Random random;
    double now_s;
    double arrival_s;
    int64_t unsent;
    double gap_s;
    int64_t events;
} World;

enum { ARRIVAL = 0 };

static inline void schedule(World *world, double delay_s, uint32_t kind, uint32_t slot) {
    Heap *heap = &world->heap;
    Event event = event_at(world->now_s + delay_s, heap->order++, slot, kind);
    if (heap->hole) {
        heap->hole = false;
        sink(heap, event);
        return;
    }
    if (UNLIKELY(heap->count == heap->capacity))
        heap->events = resized(heap->events, heap->capacity *= 2, sizeof(Event));
    rise(heap, event);
}

static inline bool next_event(World *world, uint32_t *kind, uint32_t *slot) {
    Heap *heap = &world->heap;
    if (heap->hole) {
        heap->hole = false;
        heap->count--;
        if (heap->count > 0)
            sink(heap, heap->events[heap->count]);
    }
    if (heap->count == 0 || world->arrival_s <= time_of(heap->events[0])) {
        world->now_s = world->arrival_s;
        *kind = ARRIVAL;
        *slot = NONE;
    } else {
        Event event = heap->events[0];
        heap->hole = true;
        world->now_s = time_of(event);
        *kind = (uint32_t)event & 255;
        *slot = (uint32_t)event >> 8;
    }
    if (world->now_s == INFINITY)
        return false;
    world->events++;
    return true;
}

static inline void send_next(World *world) {
    double gap_s = world->unsent-- > 0 ? exponential(&world->random, world->gap_s) : INFINITY;
    world->arrival_s = world->now_s + gap_s;
}

static World begin(int64_t requests, uint64_t seed, double rate_per_s) {
    World world = {.random = seeded(seed), .unsent = requests, .gap_s = 1.0 / rate_per_s};
    world.heap.capacity = 64;
    world.heap.events = resized(NULL, world.heap.capacity, sizeof(Event));
    send_next(&world);
    return world;
}

static void end(World *world, Outcome *outcome) {
    outcome->events = world->events;
    free(world->heap.events);
}

/* Declares a pool of slots of one type: slots are taken from the free list, which is threaded through `next`. */
#define DEFINE_POOL(Pool, Slot, take, give)                                                                       \
    typedef struct {                                                                                              \
        Slot *slots;                                                                                              \
        uint32_t free, used, capacity;                                                                            \
    } Pool;                                                                                                       \
    static inline uint32_t take(Pool *pool) {                                                                     \
        uint32_t slot = pool->free;                                                                               \
        if (slot != NONE) {                                                                                       \
            pool->free = pool->slots[slot].next;                                                                  \
            return slot;                                                                                          \
        }                                                                                                         \
        if (pool->used == pool->capacity)                                                                         \
            pool->slots = resized(pool->slots, pool->capacity = 2 * pool->capacity + 64, sizeof(Slot));           \
        return pool->used++;                                                                                      \
    }                                                                                                             \
    static inline void give(Pool *pool, uint32_t slot) {                                                          \
        pool->slots[slot].next = pool->free;                                                                      \
        pool->free = slot;                                                                                        \
    }

/* -------------------------------------------------------------------------------------------- M/M/4 at 80 % */

enum { SERVED = 1 };

typedef struct {
    double arrival_s;
    uint32_t next;
} Customer;

DEFINE_POOL(Customers, Customer, take_customer, give_customer)

void mmc(int64_t requests, uint64_t seed, Outcome *outcome) {
    const uint32_t servers = 4;
    const double service_s = 0.001;
    World world = begin(requests, seed, 0.8 * servers / service_s);
    Customers pool = {.free = NONE};
    uint32_t busy = 0, first = NONE, last = NONE, kind, slot;
    while (next_event(&world, &kind, &slot)) {
        if (kind == ARRIVAL) {
            send_next(&world);
            slot = take_customer(&pool);
            pool.slots[slot].arrival_s = world.now_s;
            if (busy < servers) {
                busy++;
                schedule(&world, exponential(&world.random, service_s), SERVED, slot);
            } else {
                pool.slots[slot].next = NONE;
                *(first == NONE ? &first : &pool.slots[last].next) = slot;
                last = slot;
            }
        } else {
            record(&outcome->reads, world.now_s - pool.slots[slot].arrival_s);
            give_customer(&pool, slot);
            if (first == NONE) {
                busy--;
            } else {
                slot = first;
                first = pool.slots[slot].next;
                schedule(&world, exponential(&world.random, service_s), SERVED, slot);
            }
        }
    }
    free(pool.slots);
    end(&world, outcome);
}

/* ---------------------------------------------------------------------------------------------- LRU by index */

typedef struct {
    uint32_t newer;
    uint32_t older;
    uint32_t item;
} Place;

/* Items stand in places by the order of their use, a ring that place 0 closes: the links of a small cache stay near
   however many items there are. */
typedef struct {
    uint32_t *place_of; /* by item; 0 where it is absent */
    Place *places;
    uint32_t used;
    uint32_t capacity;
} Lru;

/* Of items below `items`. */
static Lru new_lru(uint64_t capacity, uint32_t items) {
    uint32_t places = capacity < items ? (uint32_t)capacity : items;
    Lru lru = {.place_of = zeroed((size_t)items + 1, sizeof(uint32_t)), .capacity = places};
    lru.places = resized(NULL, (size_t)places + 1, sizeof(Place));
    lru.places[0] = (Place){0, 0, NONE};
    return lru;
}

static void free_lru(Lru *lru) {
    free(lru->place_of);
    free(lru->places);
}

static inline void unlink_place(Place *places, uint32_t place) {
    places[places[place].newer].older = places[place].older;
    places[places[place].older].newer = places[place].newer;
}

static inline void link_newest(Place *places, uint32_t place) {
    uint32_t second = places[0].older;
    places[place].newer = 0;
    places[place].older = second;
    places[second].newer = place;
    places[0].older = place;
}

/* Makes an item the newest; false where it is absent. */
static inline bool touch(Lru *lru, uint32_t item) {
    uint32_t place = lru->place_of[item];
    if (place == 0)
        return false;
    if (lru->places[place].newer != 0) {
        unlink_place(lru->places, place);
        link_newest(lru->places, place);
    }
    return true;
}

/* Takes in an absent item; returns the one that had to go, or NONE. */
static inline uint32_t insert(Lru *lru, uint32_t item) {
    uint32_t place, evicted = NONE;
    if (lru->used < lru->capacity) {
        place = ++lru->used;
    } else {
        place = lru->places[0].newer;
        evicted = lru->places[place].item;
        lru->place_of[evicted] = 0;
        unlink_place(lru->places, place);
    }
    lru->places[place].item = item;
    lru->place_of[item] = place;
    link_newest(lru->places, place);
    return evicted;
}

/* Keys are 0 ... key_count - 1, the capacity is at least one item. Returns the hits. */
int64_t lru_replay(const int64_t *keys, int64_t count, int64_t capacity, int64_t key_count) {
    enum { NEAR = 4, FAR = 12 }; /* keys ahead whose place, and whose number of a place, is brought near */
    Lru lru = new_lru((uint64_t)capacity, (uint32_t)key_count);
    int64_t hits = 0;
    for (int64_t i = 0; i < count; i++) {
        if (i + FAR < count) {
            __builtin_prefetch(&lru.place_of[keys[i + FAR]], 1);
            __builtin_prefetch(&lru.places[lru.place_of[keys[i + NEAR]]], 1);
        }
        uint32_t item = (uint32_t)keys[i];
        if (touch(&lru, item))
            hits++;
        else
            insert(&lru, item);
    }
    free_lru(&lru);
    return hits;
}

/* --------------------------------------------------------------------------------- a cache beside a store */

enum { LOOKED_UP = 1, FETCHED };

typedef struct {
    double arrival_s;
    uint32_t item;
    uint32_t next;
} Lookup;

DEFINE_POOL(Lookups, Lookup, take_lookup, give_lookup)

void cache_aside(int64_t requests, uint64_t seed, const Keys *law, Outcome *outcome) {
    const double lookup_s = 0.0002, fetch_s = 0.002;
    World world = begin(requests, seed, 2000.0);
    Lru lru = new_lru(10000, law->count);
    KeyStream keys = {.law = *law, .wanted = lru.place_of};
    Lookups pool = {.free = NONE};
    uint32_t kind, slot;
    while (next_event(&world, &kind, &slot)) {
        if (kind == ARRIVAL) {
            send_next(&world);
            uint32_t item = next_key(&keys, &world.random);
            slot = take_lookup(&pool);
            pool.slots[slot].arrival_s = world.now_s;
            pool.slots[slot].item = item;
            schedule(&world, exponential(&world.random, lookup_s), LOOKED_UP, slot);
            continue;
        }
        uint32_t item = pool.slots[slot].item;
        bool held = touch(&lru, item);
        if (kind == LOOKED_UP && !held) {
            schedule(&world, exponential(&world.random, fetch_s), FETCHED, slot);
            continue;
        }
        if (kind == LOOKED_UP)
            outcome->hits++;
        else if (!held)
            insert(&lru, item);
        record(&outcome->reads, world.now_s - pool.slots[slot].arrival_s);
        give_lookup(&pool, slot);
    }
    free(pool.slots);
    free_lru(&lru);
    end(&world, outcome);
}

/* -------------------------------------------------------------------------------------- four of six copies */

enum { ANSWERED = 1 };

typedef struct {
    double arrival_s;
    uint32_t answers;
    uint32_t next;
} Write;

DEFINE_POOL(Writes, Write, take_write, give_write)

void quorum_write(int64_t requests, uint64_t seed, Outcome *outcome) {
    const uint32_t copies = 6, needed = 4;
    const double answer_s = 0.001;
    World world = begin(requests, seed, 1000.0);
    Writes pool = {.free = NONE};
    uint32_t kind, slot;
    while (next_event(&world, &kind, &slot)) {
        if (kind == ARRIVAL) {
            send_next(&world);
            slot = take_write(&pool);
            pool.slots[slot].arrival_s = world.now_s;
            pool.slots[slot].answers = 0;
            for (uint32_t copy = 0; copy < copies; copy++)
                schedule(&world, exponential(&world.random, answer_s), ANSWERED, slot);
        } else {
            uint32_t answers = ++pool.slots[slot].answers;
            if (answers == needed)
                record(&outcome->reads, world.now_s - pool.slots[slot].arrival_s);
            else if (answers == copies)
                give_write(&pool, slot);
        }
    }
    free(pool.slots);
    end(&world, outcome);
}

/* ------------------------------------------------------------------------------------------ DAX and the table */

enum { ZONES = 3, PARTITIONS = 4, REPLICAS = ZONES * PARTITIONS, TABLE_SERVERS = 32, DAX_CAPACITY = 10909090 };

static const double NEAR_S = 0.00015, FAR_S = 0.0004, ROUTER_S = 0.0001, STORAGE_S = 0.002, TTL_S = 300.0;
static const double UNIT_S = 1.0 / 75000.0;
static const double Z99 = 2.3263478740408408;
static const double ITEM_BYTES = 1000.0;

/* What happens to a walk. What ends in _DONE ends a service at a station, and says what the walk is in service or waits
   for. */
enum {
    AT_DAX = 1,
    LOOKUP_DONE,
    MISS_DONE,
    WRITE_DONE,
    AT_ROUTER,
    ROUTED,
    AT_REPLICA,
    READ_DONE,
    AT_LEADER,
    LEADER_DONE,
    AT_FOLLOWER,
    FOLLOWER_DONE,
    FOLLOWER_HEARD,
    BACK_AT_ROUTER,
    BACK_AT_DAX,
    PEER_SEES_READ,
    PEER_SEES_WRITE,
    PEER_DONE,
    ANSWER,
};

enum { LEADER_HAS_IT = 1, FOLLOWER_HAS_IT = 2, DURABLE = 3 };

/* A request, a follower's append of a write, or news on their way from one DAX node to another. */
typedef struct {
    double arrival_s;
    uint32_t item;
    uint32_t version;
    uint32_t next;
    uint32_t parent;    /* of an append: the write */
    uint8_t client;     /* the zones on the way */
    uint8_t node;
    uint8_t router;
    uint8_t replica;
    uint8_t partition;
    uint8_t stage;
    uint8_t durable;
    uint8_t users; /* of the slot: a write's appends outlive it */
    bool reads;
} Walk;

DEFINE_POOL(Walks, Walk, take_walk, give_walk)

typedef struct {
    uint32_t servers, busy, first, last;
} Station;

/* All that is known of one key, a cache line; a version of 0 is what the table had at first. */
typedef struct {
    double expires_s[ZONES];
    uint32_t cached[ZONES];
    uint32_t stored[ZONES];
    double first_superseded_s;
    uint32_t acknowledged;
} Item;

_Static_assert(sizeof(Item) == 64, "an item is a cache line");

typedef struct {
    World world;
    Ziggurat ziggurat;
    double sigma_way, sigma_read, sigma_append;
    bool dax;
    KeyStream keys;
    Walks walks;
    Station storage[REPLICAS];
    Station servers[ZONES];
    Lru caches[ZONES];
    uint32_t *number_of; /* by key: its item, in the order in which they came, or 0 */
    Item *items;
    uint32_t item_count;
    uint32_t ordered;
    double *superseded_s; /* by version */
    Outcome *outcome;
} Region;

static inline double lognormal(Region *region, double median, double sigma) {
    return median * exp(sigma * normal(&region->world.random, &region->ziggurat));
}

static inline uint8_t any_zone(Region *region) {
    return (uint8_t)below(&region->world.random, ZONES);
}

static inline double way(Region *region, uint8_t from, uint8_t to) {
    return lognormal(region, from == to ? NEAR_S : FAR_S, region->sigma_way);
}

static inline void later(Region *region, double delay_s, uint32_t kind, uint32_t slot) {
    schedule(&region->world, delay_s, kind, slot);
}

/* ------ stations */

static inline double service_s(Region *region, uint8_t stage) {
    switch (stage) {
    case LOOKUP_DONE:
        return 1.0 * UNIT_S;
    case MISS_DONE:
        return 9.0 * UNIT_S;
    case WRITE_DONE:
    case PEER_DONE:
        return 25.0 * UNIT_S;
    case READ_DONE:
        return lognormal(region, STORAGE_S, region->sigma_read);
    default:
        return lognormal(region, STORAGE_S, region->sigma_append);
    }
}

static inline void join(Region *region, Station *station, uint32_t slot, uint8_t stage) {
    Walk *walks = region->walks.slots;
    walks[slot].stage = stage;
    if (station->busy < station->servers) {
        station->busy++;
        later(region, service_s(region, stage), stage, slot);
        return;
    }
    walks[slot].next = NONE;
    *(station->first == NONE ? &station->first : &walks[station->last].next) = slot;
    station->last = slot;
}

static inline void leave(Region *region, Station *station) {
    uint32_t slot = station->first;
    if (slot == NONE) {
        station->busy--;
        return;
    }
    Walk *walk = &region->walks.slots[slot];
    station->first = walk->next;
    later(region, service_s(region, walk->stage), walk->stage, slot);
}

static inline Station *storage_of(Region *region, const Walk *walk) {
    return &region->storage[ZONES * walk->partition + walk->replica];
}

/* ------ the table */

/* Whom the table answers. */
static inline uint8_t base_of(const Region *region, const Walk *walk) {
    return region->dax ? walk->node : walk->client;
}

static inline void ask_table(Region *region, uint32_t slot) {
    Walk *walk = &region->walks.slots[slot];
    walk->router = any_zone(region);
    later(region, way(region, base_of(region, walk), walk->router), AT_ROUTER, slot);
}

static inline void route(Region *region, uint32_t slot) {
    Walk *walk = &region->walks.slots[slot];
    walk->replica = walk->reads ? any_zone(region) : walk->partition % ZONES;
    if (walk->reads)
        region->outcome->read_units += 0.5 * fmax(1.0, ceil(ITEM_BYTES / 4096.0));
    else
        region->outcome->write_units += fmax(1.0, ceil(ITEM_BYTES / 1024.0));
    later(region, way(region, walk->router, walk->replica), walk->reads ? AT_REPLICA : AT_LEADER, slot);
}

static inline void answer_from_table(Region *region, uint32_t slot) {
    Walk *walk = &region->walks.slots[slot];
    later(region, way(region, walk->replica, walk->router), BACK_AT_ROUTER, slot);
}

static inline void answer_from_router(Region *region, uint32_t slot) {
    Walk *walk = &region->walks.slots[slot];
    later(region, way(region, walk->router, base_of(region, walk)), region->dax ? BACK_AT_DAX : ANSWER, slot);
}

static inline void order_write(Region *region, uint32_t slot) {
    uint32_t version = ++region->ordered;
    region->superseded_s[version] = INFINITY;
    for (uint8_t other = 1; other < ZONES; other++) {
        uint32_t append = take_walk(&region->walks);
        Walk *walk = &region->walks.slots[append], *write = &region->walks.slots[slot];
        walk->item = write->item;
        walk->version = version;
        walk->parent = slot;
        walk->partition = write->partition;
        walk->replica = (uint8_t)((write->replica + other) % ZONES);
        later(region, way(region, write->replica, walk->replica), AT_FOLLOWER, append);
    }
    Walk *write = &region->walks.slots[slot];
    write->version = version;
    write->users = ZONES;
    write->durable = 0;
    join(region, storage_of(region, write), slot, LEADER_DONE);
}

static inline void store(Region *region, const Walk *walk) {
    uint32_t *stored = &region->items[walk->item].stored[walk->replica];
    *stored = walk->version > *stored ? walk->version : *stored;
}

static inline void now_durable(Region *region, uint32_t slot, uint8_t where) {
    Walk *write = &region->walks.slots[slot];
    uint8_t had = write->durable;
    write->durable |= where;
    if (had != DURABLE && write->durable == DURABLE)
        answer_from_table(region, slot);
}

static inline void stop_using(Region *region, uint32_t slot) {
    if (--region->walks.slots[slot].users == 0)
        give_walk(&region->walks, slot);
}

/* ------ DAX */

static inline void fill(Region *region, uint8_t node, uint32_t index, uint32_t version) {
    Item *item = &region->items[index];
    Lru *cache = &region->caches[node];
    double now_s = region->world.now_s;
    if (item->cached[node] > version && item->expires_s[node] > now_s)
        return;
    item->cached[node] = version;
    item->expires_s[node] = now_s + TTL_S;
    if (touch(cache, index))
        return;
    uint32_t evicted = insert(cache, index);
    if (evicted != NONE) {
        region->items[evicted].cached[node] = 0;
        region->items[evicted].expires_s[node] = 0.0;
    }
}

static inline void look_up(Region *region, uint32_t slot) {
    Walk *walk = &region->walks.slots[slot];
    const Item *item = &region->items[walk->item];
    if (item->expires_s[walk->node] > region->world.now_s) {
        walk->version = item->cached[walk->node];
        region->outcome->hits++;
        touch(&region->caches[walk->node], walk->item);
        later(region, way(region, walk->node, walk->client), ANSWER, slot);
    } else {
        join(region, &region->servers[walk->node], slot, MISS_DONE);
    }
}

static inline void tell_peers(Region *region, uint32_t slot) {
    for (uint8_t other = 1; other < ZONES; other++) {
        uint32_t news = take_walk(&region->walks);
        Walk *walk = &region->walks.slots[news], *source = &region->walks.slots[slot];
        walk->item = source->item;
        walk->version = source->version;
        walk->node = (uint8_t)((source->node + other) % ZONES);
        later(region, way(region, source->node, walk->node), source->reads ? PEER_SEES_READ : PEER_SEES_WRITE, news);
    }
}

/* ------ clients */

static inline uint32_t item_of(Region *region, uint32_t key) {
    uint32_t *number = &region->number_of[key];
    if (*number == 0) {
        *number = ++region->item_count;
        region->items[*number] = (Item){.first_superseded_s = INFINITY};
    }
    return *number;
}

static inline void arrive(Region *region) {
    Random *random = &region->world.random;
    send_next(&region->world);
    uint32_t slot = take_walk(&region->walks), key = next_key(&region->keys, random);
    Walk *walk = &region->walks.slots[slot];
    walk->arrival_s = region->world.now_s;
    walk->client = any_zone(region);
    walk->reads = uniform(random) < 0.95;
    walk->item = item_of(region, key);
    walk->partition = key % PARTITIONS;
    walk->users = 1;
    if (region->dax) {
        walk->node = walk->reads ? any_zone(region) : 0;
        later(region, way(region, walk->client, walk->node), AT_DAX, slot);
    } else {
        ask_table(region, slot);
    }
}

static inline double *superseded_s(Region *region, Item *item, uint32_t version) {
    return version == 0 ? &item->first_superseded_s : &region->superseded_s[version];
}

static inline void answered(Region *region, uint32_t slot) {
    Walk *walk = &region->walks.slots[slot];
    Item *item = &region->items[walk->item];
    double now_s = region->world.now_s;
    if (walk->reads) {
        region->outcome->stale += *superseded_s(region, item, walk->version) < walk->arrival_s;
        record(&region->outcome->reads, now_s - walk->arrival_s);
    } else {
        if (walk->version > item->acknowledged) {
            *superseded_s(region, item, item->acknowledged) = now_s;
            item->acknowledged = walk->version;
        }
        record(&region->outcome->writes, now_s - walk->arrival_s);
    }
    stop_using(region, slot);
}

static inline void handle(Region *region, uint32_t kind, uint32_t slot) {
    Walk *walk = &region->walks.slots[slot];
    switch (kind) {
    case AT_DAX:
        join(region, &region->servers[walk->node], slot, walk->reads ? LOOKUP_DONE : WRITE_DONE);
        break;
    case LOOKUP_DONE:
        leave(region, &region->servers[walk->node]);
        look_up(region, slot);
        break;
    case MISS_DONE:
    case WRITE_DONE:
        leave(region, &region->servers[walk->node]);
        ask_table(region, slot);
        break;
    case AT_ROUTER:
        later(region, ROUTER_S, ROUTED, slot);
        break;
    case ROUTED:
        route(region, slot);
        break;
    case AT_REPLICA:
        join(region, storage_of(region, walk), slot, READ_DONE);
        break;
    case READ_DONE:
        leave(region, storage_of(region, walk));
        walk->version = region->items[walk->item].stored[walk->replica];
        answer_from_table(region, slot);
        break;
    case AT_LEADER:
        order_write(region, slot);
        break;
    case LEADER_DONE:
        leave(region, storage_of(region, walk));
        store(region, walk);
        now_durable(region, slot, LEADER_HAS_IT);
        break;
    case AT_FOLLOWER:
        join(region, storage_of(region, walk), slot, FOLLOWER_DONE);
        break;
    case FOLLOWER_DONE:
        leave(region, storage_of(region, walk));
        store(region, walk);
        later(region, way(region, walk->replica, region->walks.slots[walk->parent].replica), FOLLOWER_HEARD, slot);
        break;
    case FOLLOWER_HEARD:
        now_durable(region, walk->parent, FOLLOWER_HAS_IT);
        stop_using(region, walk->parent);
        give_walk(&region->walks, slot);
        break;
    case BACK_AT_ROUTER:
        answer_from_router(region, slot);
        break;
    case BACK_AT_DAX:
        fill(region, walk->node, walk->item, walk->version);
        later(region, way(region, walk->node, walk->client), ANSWER, slot);
        tell_peers(region, slot);
        break;
    case PEER_SEES_WRITE:
        join(region, &region->servers[walk->node], slot, PEER_DONE);
        break;
    case PEER_DONE:
        leave(region, &region->servers[walk->node]);
        fill(region, walk->node, walk->item, walk->version);
        give_walk(&region->walks, slot);
        break;
    case PEER_SEES_READ:
        fill(region, walk->node, walk->item, walk->version);
        give_walk(&region->walks, slot);
        break;
    default:
        answered(region, slot);
        break;
    }
}

static Station new_station(uint32_t servers) {
    return (Station){servers, 0, NONE, NONE};
}

static void open_region(Region *region, int64_t requests) {
    uint32_t key_count = region->keys.law.count;
    size_t items_max = (size_t)requests < key_count ? (size_t)requests : key_count;
    build_ziggurat(&region->ziggurat);
    region->sigma_way = log(2.0) / Z99;
    region->sigma_read = log(2.3) / Z99;
    region->sigma_append = log(2.6) / Z99;
    region->walks.free = NONE;
    for (int i = 0; i < REPLICAS; i++)
        region->storage[i] = new_station(TABLE_SERVERS);
    for (int i = 0; i < ZONES; i++) {
        region->servers[i] = new_station(1);
        region->caches[i] = new_lru(DAX_CAPACITY, region->dax ? (uint32_t)items_max + 1 : 0);
    }
    region->number_of = zeroed(key_count, sizeof(uint32_t));
    region->keys.wanted = region->number_of;
    region->items = checked(aligned_alloc(64, (items_max + 1) * sizeof(Item)));
    region->superseded_s = resized(NULL, (size_t)requests + 1, sizeof(double));
}

static void close_region(Region *region) {
    free(region->walks.slots);
    for (int i = 0; i < ZONES; i++)
        free_lru(&region->caches[i]);
    free(region->number_of);
    free(region->items);
    free(region->superseded_s);
    end(&region->world, region->outcome);
}

void ycsb_b(int64_t requests, uint64_t seed, bool dax, const Keys *law, Outcome *outcome) {
    Region region = {.dax = dax, .keys.law = *law, .outcome = outcome, .world = begin(requests, seed, 2000.0)};
    open_region(&region, requests);
    uint32_t kind, slot;
    while (next_event(&region.world, &kind, &slot)) {
        if (kind == ARRIVAL)
            arrive(&region);
        else
            handle(&region, kind, slot);
    }
    close_region(&region);
}
