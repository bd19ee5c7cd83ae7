/* Behaves like libnccl.so.2 for ranks of one process whose "GPUs" are the host's memory; notes every call. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, INVALID = 4, IN_PROGRESS = 7, MOST = 8, FLOAT32 = 7 };

typedef struct { char bytes[128]; } id_t_;
typedef struct { size_t size; unsigned magic; unsigned version; int blocking; } config_t;
struct group;
typedef struct { struct group *group; int rank; int aborted; int finalized; int connected; int error; } comm_t;
typedef struct { float *from; float *to; size_t count; int kind; int done; } work_t;
typedef struct group {
  int number, ranks, joined;
  comm_t *comms[MOST];
  work_t work[MOST][64];
  int queued[MOST];
} group_t;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static group_t groups[32];
static int num_groups, fail_next;
static char log_[1 << 16];

static void note(const char *format, ...) {
  size_t at = strlen(log_);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(log_ + at, sizeof log_ - at, format, arguments);
  va_end(arguments);
}

const char *stub_log(void) { return log_; }
void stub_reset(void) { log_[0] = 0; fail_next = 0; }
/* The next state that is asked for is this error. */
void stub_fail(int code) { fail_next = code; }

int ncclGetVersion(int *version) { *version = 22703; return SUCCESS; }
const char *ncclGetErrorString(int code) { return code == INVALID ? "invalid argument" : code == 2 ? "unhandled system error" : "other"; }

int ncclGetUniqueId(id_t_ *id) {
  pthread_mutex_lock(&lock);
  memset(id, 0x5a, sizeof *id);
  id->bytes[127] = (char) num_groups;
  groups[num_groups].number = num_groups;
  num_groups++;
  note("id\n");
  pthread_mutex_unlock(&lock);
  return SUCCESS;
}

int ncclCommInitRankConfig(comm_t **comm, int ranks, id_t_ id, int rank, config_t *config) {
  if (config->magic != 0xcafebeefu || config->version < 21400 || config->blocking != 0 || id.bytes[0] != 0x5a) {
    return INVALID;
  }
  pthread_mutex_lock(&lock);
  group_t *group = &groups[(int) id.bytes[127]];
  *comm = calloc(1, sizeof **comm);
  (*comm)->group = group;
  (*comm)->rank = rank;
  group->ranks = ranks;
  group->comms[rank] = *comm;
  group->joined++;
  note("init %d/%d\n", rank, ranks);
  pthread_mutex_unlock(&lock);
  return IN_PROGRESS;
}

int ncclCommGetAsyncError(comm_t *comm, int *state) {
  pthread_mutex_lock(&lock);
  *state = comm->group->joined < comm->group->ranks ? IN_PROGRESS : SUCCESS;
  if (fail_next) {
    *state = fail_next;
    fail_next = 0;
  }
  pthread_mutex_unlock(&lock);
  return SUCCESS;
}

/* Does what all ranks have come to; 0: sum of all, 1: sum of a part, 2: gather. */
static void advance(group_t *group, int index) {
  work_t *first = &group->work[0][index];
  for (int rank = 0; rank < group->ranks; rank++) {
    if (group->queued[rank] <= index) return;
  }
  size_t parts = first->kind == 1 ? (size_t) group->ranks : 1;
  size_t total = first->count * parts;
  float *sum = calloc(total, sizeof *sum);
  for (int rank = 0; rank < group->ranks && first->kind != 2; rank++) {
    for (size_t i = 0; i < total; i++) sum[i] += group->work[rank][index].from[i];
  }
  for (int rank = 0; rank < group->ranks; rank++) {
    work_t *own = &group->work[rank][index];
    if (first->kind == 2) {
      for (int to = 0; to < group->ranks; to++) {
        memmove(group->work[to][index].to + rank * own->count, own->from, own->count * sizeof *sum);
      }
    } else {
      memcpy(own->to, sum + (first->kind == 1 ? rank * own->count : 0), own->count * sizeof *sum);
    }
  }
  for (int rank = 0; rank < group->ranks; rank++) group->work[rank][index].done = 1;
  free(sum);
}

static int queue(comm_t *comm, float *from, float *to, size_t count, int type, int kind, const char *name, void *stream) {
  if (type != FLOAT32 || comm->aborted || stream != (void *) 0x5e) return INVALID;
  pthread_mutex_lock(&lock);
  group_t *group = comm->group;
  int index = group->queued[comm->rank]++;
  group->work[comm->rank][index] = (work_t) {from, to, count, kind, 0};
  note("%s %d of %zu\n", name, comm->rank, count);
  advance(group, index);
  pthread_mutex_unlock(&lock);
  return SUCCESS;
}

int ncclAllReduce(float *from, float *to, size_t count, int type, int op, comm_t *comm, void *stream) {
  return op ? INVALID : queue(comm, from, to, count, type, 0, "reduce", stream);
}
int ncclReduceScatter(float *from, float *to, size_t count, int type, int op, comm_t *comm, void *stream) {
  return op ? INVALID : queue(comm, from, to, count, type, 1, "scatter", stream);
}
int ncclAllGather(float *from, float *to, size_t count, int type, comm_t *comm, void *stream) {
  return queue(comm, from, to, count, type, 2, "gather", stream);
}

/* Whether the stream of a rank of the last group has nothing left to do. */
int stub_done(int rank) {
  pthread_mutex_lock(&lock);
  group_t *group = &groups[num_groups - 1];
  int queued = group->queued[rank];
  int done = queued == 0 || group->work[rank][queued - 1].done || group->comms[rank]->aborted;
  pthread_mutex_unlock(&lock);
  return done;
}

static int end(comm_t *comm, const char *name) {
  pthread_mutex_lock(&lock);
  note("%s %d\n", name, comm->rank);
  pthread_mutex_unlock(&lock);
  return SUCCESS;
}
int ncclCommFinalize(comm_t *comm) { comm->finalized = 1; return end(comm, "finalize"); }
int ncclCommDestroy(comm_t *comm) { return comm->finalized ? end(comm, "destroy") : INVALID; }
int ncclCommAbort(comm_t *comm) { comm->aborted = 1; return end(comm, "abort"); }
