#ifndef CEDITLINE_H
#define CEDITLINE_H

#include <stdbool.h>

/// The editor of lines on this process's terminal. There is one a process; all but CEditLineWake is for one thread.
typedef struct CEditLine CEditLine;

/// Asked at TAB. `text` is what stands before the cursor. Returns what to insert, and in `choices` what to list below
/// the line; both in memory of `malloc`, or NULL for nothing.
typedef char *(*CEditLineCompleter)(void *owner, const char *text, char **choices);

/// Called after CEditLineWake, while no line is on the screen: the owner may write to the terminal now.
typedef void (*CEditLineNotice)(void *owner);

/// NULL when the terminal cannot be used. Sets the process's character set to that of its environment. From now on the
/// first SIGINT since a line was read is noted; a second one ends the process.
CEditLine *CEditLineNew(
    const char *program, int historySize, CEditLineCompleter complete, CEditLineNotice notice, void *owner);

enum CEditLineOutcome { CEditLineEntered, CEditLineInterrupted, CEditLineEnded };

/// Waits for a line; `line` is without its end, and valid until the next call.
enum CEditLineOutcome CEditLineRead(CEditLine *editor, const char *prompt, const char **line);

/// Makes a line the newest of the history.
void CEditLineRemember(CEditLine *editor, const char *line);

/// Makes a CEditLineRead that waits, or the next one, call its notice. For any thread.
void CEditLineWake(CEditLine *editor);

/// Whether SIGINT has come since the last CEditLineRead. For any thread.
bool CEditLineIsInterrupted(void);

/// Gives the terminal back as it was. No other call may be under way.
void CEditLineFree(CEditLine *editor);

#endif
