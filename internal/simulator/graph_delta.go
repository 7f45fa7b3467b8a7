package simulator

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// syncState is what a delta or skip token holds.
type syncState struct {
	From, Until time.Time
	Since       int // version of the mailbox that the client knows; 0: none
	Now         int // version at the start of this round
	Skip        int
}

var errSyncState = &graphError{http.StatusGone, "syncStateNotFound", "The sync state generation is not found; clientRequest should do a full sync."}

func (t syncState) String() string { return base64.RawURLEncoding.EncodeToString(raw(t)) }

// delta answers a round of changes to a calendar view. Occurrences come with
// little but their times (microsoft-graph-docs issue 7632), and what changed
// outside the window is reported as removed.
func (q *ask) delta() (any, error) {
	v, err := q.reader()
	if err != nil {
		return nil, err
	}
	c, err := q.folder()
	if err != nil {
		return nil, err
	}
	t, err := q.syncState()
	if err != nil {
		return nil, err
	}
	all := q.person.mailbox.changes(c, t)
	size := v.pageSize
	if size <= 0 {
		size = 10
	}
	values := []object{}
	for _, o := range all[min(t.Skip, len(all)):min(t.Skip+size, len(all))] {
		values = append(values, q.slim(v, o, c))
	}
	reply := object{"@odata.context": q.context("Collection(event)"), "value": values}
	if t.Skip += size; t.Skip < len(all) {
		reply["@odata.nextLink"] = q.link(url.Values{"$skiptoken": {t.String()}})
	} else {
		next := syncState{From: t.From, Until: t.Until, Since: t.Now}
		reply["@odata.deltaLink"] = q.link(url.Values{"$deltatoken": {next.String()}})
	}
	return reply, nil
}

// syncState starts a round, or goes on with the one that the link names.
func (q *ask) syncState() (t syncState, err error) {
	version := q.person.mailbox.version()
	values := q.URL.Query()
	token := values.Get("$deltatoken") + values.Get("$skiptoken")
	for name := range values {
		if strings.HasPrefix(name, "$") && name != "$deltatoken" && name != "$skiptoken" {
			return t, &graphError{http.StatusBadRequest, "ErrorInvalidUrlQuery", "The following parameters are not supported with change tracking over the 'CalendarView' resource: '" + name + "'."}
		}
	}
	if token == "" {
		t.From, t.Until, err = q.window()
		t.Now = version
		return t, err
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || json.Unmarshal(text, &t) != nil || t.Since > version || t.Now > version || t.Skip < 0 {
		return t, errSyncState
	}
	if values.Has("$deltatoken") {
		t.Now = version
	}
	return t, nil
}

// removed marks a change that is a deletion.
const removed = "removed"

func (q *ask) slim(v reader, o occurrence, c *calendar) object {
	if o.kind == removed {
		return object{"id": o.item.key.id(o.date, v.immutable), "@removed": map[string]string{"reason": "deleted"}}
	}
	all := q.basic(v.event(o, c))
	if o.kind == "occurrence" {
		all = query{names: []string{"@odata.etag", "seriesMasterId", "type", "id", "start", "end"}}.pick(all)
	}
	all["@odata.type"] = "#microsoft.graph.event"
	return all
}

func (m *mailbox) version() int {
	m.diary.mu.RLock()
	defer m.diary.mu.RUnlock()
	return m.diary.version
}

// changes lists what a client that knows version t.Since has to learn.
func (m *mailbox) changes(c *calendar, t syncState) []occurrence {
	m.diary.mu.RLock()
	defer m.diary.mu.RUnlock()
	var list []occurrence
	for _, i := range m.diary.items {
		if i.Calendar != c.name || i.version <= t.Since && t.Since > 0 {
			continue
		}
		seen := i.between(t.From, t.Until)
		switch {
		case len(seen) == 0 && t.Since > 0:
			list = append(list, occurrence{item: i, kind: removed})
		case len(seen) > 0 && i.Recurrence != nil:
			list = append(list, i.place(&i.Event, i.Start, "seriesMaster", ""))
		}
		list = append(list, seen...)
	}
	for _, gone := range m.diary.gone {
		if t.Since > 0 && gone.version > t.Since && gone.item.Calendar == c.name {
			list = append(list, occurrence{item: gone.item, date: gone.date, kind: removed})
		}
	}
	return list
}
