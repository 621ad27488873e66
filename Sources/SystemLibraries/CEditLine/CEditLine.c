#define _GNU_SOURCE
#include "CEditLine.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <wchar.h>

enum { INTERRUPT = 'C' & 31, SUSPEND = 'Z' & 31 };

struct CEditLine {
    EditLine *line;
    History *history;
    CEditLineCompleter complete;
    CEditLineNotice notice;
    void *owner;
    const char *prompt;
    int wake;
    bool isInterrupted;
};

/// What a handler of signals can get at: whether SIGINT has come, and the editor's `wake`.
static atomic_bool hasInterrupt;
static atomic_int interruptWake = -1;

static void noteInterrupt(int number) {
    if (atomic_exchange(&hasInterrupt, true)) {
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    int before = errno;
    const uint64_t one = 1;
    // It fails only when the editor has been woken anyway.
    if (write(atomic_load(&interruptWake), &one, sizeof one) < 0) errno = before;
}

bool CEditLineIsInterrupted(void) { return atomic_load(&hasInterrupt); }

static CEditLine *owner(EditLine *line) {
    void *editor = NULL;
    el_get(line, EL_CLIENTDATA, &editor);
    return editor;
}

static char *prompt(EditLine *line) { return (char *)owner(line)->prompt; }

/// The line goes from the screen, the notice is written where it stood, and the line is drawn again below.
static void tell(CEditLine *editor) {
    uint64_t count;
    if (read(editor->wake, &count, sizeof count) < 0) return;
    fputs("\r\033[K", stdout);
    fflush(stdout);
    editor->notice(editor->owner);
    el_set(editor->line, EL_REFRESH);
}

/// Waits for a byte or a call to wake up. As the library's own readers: 1, 0 at the end, -1 on errors. A SIGINT from
/// before the terminal was told to hand on Ctrl-C counts as the key.
static int nextByte(CEditLine *editor, char *byte) {
    struct pollfd waiting[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = editor->wake, .events = POLLIN}};
    for (;;) {
        if (poll(waiting, 2, -1) < 0) {
            if (errno == EINTR) continue;
            return -1;
        }
        if (waiting[1].revents) tell(editor);
        if (atomic_load(&hasInterrupt)) {
            *byte = INTERRUPT;
            return 1;
        }
        if (!waiting[0].revents) continue;
        ssize_t count = read(STDIN_FILENO, byte, 1);
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        return (int)count;
    }
}

static int nextCharacter(EditLine *line, wchar_t *character) {
    CEditLine *editor = owner(line);
    mbstate_t state = {0};
    for (;;) {
        char byte;
        int outcome = nextByte(editor, &byte);
        if (outcome != 1) return outcome;
        if (byte == INTERRUPT) {
            editor->isInterrupted = true;
            return 0;
        }
        if (byte == SUSPEND) {
            raise(SIGTSTP);
            continue;
        }
        size_t length = mbrtowc(character, &byte, 1, &state);
        if (length == 0) *character = L'\0';
        if (length == (size_t)-1) {
            // A byte that begins no character is dropped.
            state = (mbstate_t){0};
        } else if (length != (size_t)-2) {
            return 1;
        }
    }
}

static unsigned char complete(EditLine *line, int key) {
    (void)key;
    CEditLine *editor = owner(line);
    const LineInfo *state = el_line(line);
    char *text = strndup(state->buffer, (size_t)(state->cursor - state->buffer));
    if (!text) return CC_ERROR;
    char *choices = NULL;
    char *insertion = editor->complete(editor->owner, text, &choices);
    free(text);
    unsigned char outcome = CC_REFRESH_BEEP;
    if (insertion && *insertion && el_insertstr(line, insertion) == 0) outcome = CC_REFRESH;
    if (choices && *choices) {
        printf("\n%s\n", choices);
        fflush(stdout);
        outcome = CC_REDISPLAY;
    }
    free(insertion);
    free(choices);
    return outcome;
}

CEditLine *CEditLineNew(
    const char *program, int historySize, CEditLineCompleter completer, CEditLineNotice notice, void *context) {
    CEditLine *editor = calloc(1, sizeof *editor);
    if (!editor) return NULL;
    *editor = (CEditLine){.complete = completer, .notice = notice, .owner = context, .prompt = "", .wake = -1};
    setlocale(LC_CTYPE, "");
    editor->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    editor->history = history_init();
    editor->line = el_init(program, stdin, stdout, stderr);
    HistEvent event;
    if (editor->wake < 0 || !editor->history || !editor->line
        || history(editor->history, &event, H_SETSIZE, historySize) < 0) {
        CEditLineFree(editor);
        return NULL;
    }
    history(editor->history, &event, H_SETUNIQUE, 1);
    el_set(editor->line, EL_CLIENTDATA, editor);
    el_set(editor->line, EL_PROMPT, prompt);
    el_set(editor->line, EL_SIGNAL, 1);
    el_set(editor->line, EL_EDITOR, "emacs");
    el_set(editor->line, EL_HIST, history, editor->history);
    el_set(editor->line, EL_GETCFN, nextCharacter);
    el_set(editor->line, EL_ADDFN, "complete", "Complete what stands before the cursor", complete);
    el_set(editor->line, EL_BIND, "^I", "complete", NULL);
    el_set(editor->line, EL_BIND, "^R", "em-inc-search-prev", NULL);
    atomic_store(&interruptWake, editor->wake);
    signal(SIGINT, noteInterrupt);
    // While a line is edited, Ctrl-C and Ctrl-Z are keys: the one drops the line and not the process.
    el_set(editor->line, EL_SETTY, "-d", "-isig", NULL);
    return editor;
}

enum CEditLineOutcome CEditLineRead(CEditLine *editor, const char *text, const char **line) {
    editor->prompt = text;
    editor->isInterrupted = false;
    atomic_store(&hasInterrupt, false);
    // The library would do so after it has shown the prompt, and what is typed between would not be keys.
    el_set(editor->line, EL_PREP_TERM, 1);
    int count = 0;
    const char *entered = el_gets(editor->line, &count);
    if (editor->isInterrupted) return CEditLineInterrupted;
    if (!entered || count <= 0) return CEditLineEnded;
    size_t length = strcspn(entered, "\n");
    if (entered[length] == '\n') ((char *)entered)[length] = '\0';
    *line = entered;
    return CEditLineEntered;
}

void CEditLineRemember(CEditLine *editor, const char *line) {
    HistEvent event;
    history(editor->history, &event, H_ENTER, line);
}

void CEditLineWake(CEditLine *editor) {
    // It fails only when nobody has looked at 2^64 - 2 earlier ones.
    const uint64_t one = 1;
    if (write(editor->wake, &one, sizeof one) < 0) return;
}

void CEditLineFree(CEditLine *editor) {
    if (!editor) return;
    signal(SIGINT, SIG_DFL);
    if (editor->line) el_end(editor->line);
    if (editor->history) history_end(editor->history);
    if (editor->wake >= 0) close(editor->wake);
    free(editor);
}
