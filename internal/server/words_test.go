package server

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"

	"daybook/internal/locale"
	"daybook/web"
)

// Every English text that a page can show has a German one, and no German text
// stands for something that no page shows.
func TestEveryTextIsTranslated(t *testing.T) {
	t.Parallel()
	used := newTexts()
	used.fromTemplates(t, web.Files)
	used.fromGo(t, os.DirFS("."))
	used.fromKinds(t, os.DirFS("../identity"))
	if len(used.where) < 100 {
		t.Fatalf("found only %d texts: the collection is broken", len(used.where))
	}
	for _, unknown := range used.unknown {
		t.Errorf("%s: what is translated here is no literal, so nobody can tell whether it has a German text", unknown)
	}
	keys := locale.Keys()
	for _, text := range slices.Sorted(maps.Keys(used.where)) {
		if !slices.Contains(keys, text) {
			t.Errorf("%s: no German text for %q", used.where[text], text)
		}
	}
	ownUse := literals(t, os.DirFS("../locale"))
	for _, key := range keys {
		if used.where[key] == "" && !ownUse[key] {
			t.Errorf("nothing uses the German text of %q", key)
		}
	}
}

// The test above finds what is wrong in each of the places where texts stand.
func TestTextsAreFound(t *testing.T) {
	t.Parallel()
	used := newTexts()
	used.template(t, "page.html", `{{define "main"}}{{.T "one"}}{{range .X}}{{$.T "two" .Y}}{{else}}{{with .Z}}{{$.T "three" | len}}{{end}}{{end}}`+
		`<a title="{{if (.T "four")}}x{{end}}">{{template "x" (.T "five")}}</a>{{.T .Name}}{{end}}`)
	used.file(t, "x.go", `package server
func x() error {
	l.T("six"); d.Locale.T("sev" + "en", 1); page.T(p.Title); l.T(y)
	_ = problem{Title: "eight", Text: "nine", Action: action{"ten", "/"}}
	_ = badRequest("eleven", "twelve")
	add("thirteen", value)
	add(true, "fourteen")
	s.publicLayout(r, "fifteen")
	_ = problem{Title: other}
	return unavailable("sixteen", "seventeen", 0, nil)
}
func responseText() string { return "eighteen" }
`)
	want := strings.Fields("one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen")
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(used.where)); !slices.Equal(got, want) {
		t.Errorf("found  %q\nwanted %q", got, want)
	}
	if want := []string{"page.html", "x.go:3", "x.go:9"}; !slices.Equal(used.unknown, want) {
		t.Errorf("texts that are no literals: %q, want %q", used.unknown, want)
	}
}

// texts are the English texts of pages and where each was found.
type texts struct {
	where   map[string]string
	unknown []string // places where what is translated is no literal
}

func newTexts() *texts { return &texts{where: make(map[string]string)} }

func (x *texts) fromTemplates(t *testing.T, web fs.FS) {
	t.Helper()
	err := fs.WalkDir(web, "templates", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(web, name)
		x.template(t, name, string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// template collects the texts of {{.T "…"}} wherever it stands.
func (x *texts) template(t *testing.T, name, text string) {
	t.Helper()
	trees := make(map[string]*parse.Tree)
	tree := parse.New(name)
	tree.Mode = parse.SkipFuncCheck
	if _, err := tree.Parse(text, "", "", trees); err != nil {
		t.Fatal(err)
	}
	for _, tree := range trees {
		if tree.Root != nil {
			x.node(name, tree.Root)
		}
	}
}

func (x *texts) node(file string, n parse.Node) {
	branch := func(pipe *parse.PipeNode, list, other *parse.ListNode) {
		x.node(file, pipe)
		x.node(file, list)
		if other != nil {
			x.node(file, other)
		}
	}
	switch n := n.(type) {
	case *parse.ListNode:
		for _, n := range n.Nodes {
			x.node(file, n)
		}
	case *parse.ActionNode:
		x.node(file, n.Pipe)
	case *parse.IfNode:
		branch(n.Pipe, n.List, n.ElseList)
	case *parse.RangeNode:
		branch(n.Pipe, n.List, n.ElseList)
	case *parse.WithNode:
		branch(n.Pipe, n.List, n.ElseList)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			x.node(file, n.Pipe)
		}
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			x.node(file, c)
		}
	case *parse.CommandNode:
		for _, arg := range n.Args {
			x.node(file, arg)
		}
		field, isField := n.Args[0].(*parse.FieldNode)
		variable, isVariable := n.Args[0].(*parse.VariableNode)
		if isField && slices.Equal(field.Ident, []string{"T"}) || isVariable && slices.Equal(variable.Ident, []string{"$", "T"}) {
			if text, ok := n.Args[1].(*parse.StringNode); ok {
				x.where[text.Text] = file
			} else {
				x.unknown = append(x.unknown, file)
			}
		}
	}
}

func (x *texts) fromGo(t *testing.T, dir fs.FS) {
	t.Helper()
	for name, text := range sources(t, dir) {
		x.file(t, name, text)
	}
}

// translated are the functions that hand what they are given to T, with where
// their texts stand among the arguments.
var translated = map[string][]int{
	"T":            {0},
	"badRequest":   {0, 1},
	"unavailable":  {0, 1},
	"publicLayout": {1},
}

// texted are the functions whose results are handed to T.
var texted = []string{"responseText", "attendeeType"}

// forwarded are the expressions that T may be given besides literals: what
// they hold was collected where it was written.
var forwarded = []string{"p.Title", "p.Text", "page.Action.Text", "name", "text", "title",
	"responseText(a.Response)", "attendeeType(a.Type)", "response", "h.Kind"}

// file collects the texts of one source of this package.
func (x *texts) file(t *testing.T, name, text string) {
	t.Helper()
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, name, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	at := func(n ast.Node) string { return name + ":" + strconv.Itoa(files.Position(n.Pos()).Line) }
	take := func(n ast.Expr) {
		if s, ok := literal(n); ok {
			x.where[s] = at(n)
		} else if source := text[n.Pos()-1 : n.End()-1]; !slices.Contains(forwarded, source) {
			x.unknown = append(x.unknown, at(n))
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if nameOfFunc(n.Fun) == "add" { // the closures that collect facts and states
				for _, arg := range n.Args {
					if s, ok := literal(arg); ok {
						x.where[s] = at(arg)
					}
				}
			}
			for _, i := range translated[nameOfFunc(n.Fun)] {
				take(n.Args[i])
			}
		case *ast.CompositeLit:
			kind, _ := n.Type.(*ast.Ident)
			for i, e := range n.Elts {
				field := strconv.Itoa(i)
				if kv, ok := e.(*ast.KeyValueExpr); ok {
					field, e = text[kv.Key.Pos()-1:kv.Key.End()-1], kv.Value
				}
				if kind != nil && (kind.Name == "problem" && (field == "Title" || field == "Text") ||
					kind.Name == "action" && (field == "0" || field == "Text")) {
					take(e)
				}
			}
		case *ast.FuncDecl:
			if slices.Contains(texted, n.Name.Name) {
				ast.Inspect(n.Body, func(n ast.Node) bool {
					if r, ok := n.(*ast.ReturnStmt); ok {
						take(r.Results[0])
					}
					return true
				})
			}
		}
		return true
	})
}

// fromKinds collects the kinds of [identity.Held], which the sessions page
// translates.
func (x *texts) fromKinds(t *testing.T, dir fs.FS) {
	t.Helper()
	text, err := fs.ReadFile(dir, "contents.go")
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), "contents.go", text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			if s, ok := literal(n.Value); ok {
				x.where[s] = "identity/contents.go"
			}
		case *ast.AssignStmt:
			if s, ok := literal(n.Rhs[0]); ok {
				x.where[s] = "identity/contents.go"
			}
		}
		return true
	})
	if x.where["access token"] == "" || x.where["other"] == "" {
		t.Fatal("the kinds of what a token cache holds are no longer found in identity/contents.go")
	}
}

// literals returns the strings in package locale's code: its own uses of its
// texts. The tables of texts and of CLDR do not count.
func literals(t *testing.T, dir fs.FS) map[string]bool {
	t.Helper()
	found := make(map[string]bool)
	for name, text := range sources(t, dir) {
		if strings.HasPrefix(name, "messages_") || strings.HasPrefix(name, "cldr_") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if e, ok := n.(ast.Expr); ok {
				if s, ok := literal(e); ok {
					found[s] = true
				}
			}
			return true
		})
	}
	return found
}

// sources returns the Go files of a folder that belong to the program.
func sources(t *testing.T, dir fs.FS) map[string]string {
	t.Helper()
	names, err := fs.Glob(dir, "*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "_gen.go") {
			continue
		}
		text, err := fs.ReadFile(dir, filepath.Base(name))
		if err != nil {
			t.Fatal(err)
		}
		found[name] = string(text)
	}
	return found
}

// literal returns the value of a string literal, or of several joined by +.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, err := strconv.Unquote(e.Value)
			return s, err == nil
		}
	case *ast.BinaryExpr:
		left, okLeft := literal(e.X)
		right, okRight := literal(e.Y)
		return left + right, e.Op == token.ADD && okLeft && okRight
	}
	return "", false
}

func nameOfFunc(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}
