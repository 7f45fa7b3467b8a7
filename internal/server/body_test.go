package server

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"daybook/internal/graph"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// allowed is all that may be left of a body, written again here so that a
// change of the policy has to be meant.
var allowed = map[string][]string{
	"p": nil, "br": nil, "hr": nil, "div": nil, "span": nil, "blockquote": nil, "pre": nil, "code": nil,
	"b": nil, "strong": nil, "i": nil, "em": nil, "u": nil, "s": nil, "sub": nil, "sup": nil, "small": nil,
	"ul": nil, "ol": nil, "li": nil, "dl": nil, "dt": nil, "dd": nil,
	"h3": nil, "h4": nil, "h5": nil, "h6": nil,
	"table": nil, "thead": nil, "tbody": nil, "tfoot": nil, "tr": nil, "caption": nil,
	"td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"},
	"a": {"href", "rel", "target"},
}

// forbidden says what in a body is not allowed. It reads the fragment as a
// browser does, inside the element in which pages show it.
func forbidden(t *testing.T, fragment string) []string {
	t.Helper()
	nodes, err := html.ParseFragment(strings.NewReader(fragment), &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div})
	if err != nil {
		t.Fatal(err)
	}
	var wrong []string
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		switch n.Type {
		case html.TextNode, html.DocumentNode:
		case html.ElementNode:
			attributes, ok := allowed[n.Data]
			if !ok {
				wrong = append(wrong, "<"+n.Data+">")
			}
			for _, a := range n.Attr {
				switch {
				case !slices.Contains(attributes, a.Key):
					wrong = append(wrong, n.Data+" "+a.Key)
				case a.Key == "href" && !slices.ContainsFunc([]string{"https://", "http://", "mailto:", "tel:"}, func(p string) bool { return strings.HasPrefix(a.Val, p) }):
					wrong = append(wrong, "href="+a.Val)
				case a.Key == "target" && a.Val != "_blank":
					wrong = append(wrong, "target="+a.Val)
				}
			}
			if rel := attribute(n, "rel"); n.Data == "a" && attribute(n, "href") != "" {
				for _, want := range []string{"nofollow", "noreferrer"} {
					if !slices.Contains(strings.Fields(rel), want) {
						wrong = append(wrong, "a link without "+want)
					}
				}
				if attribute(n, "target") == "_blank" && !slices.Contains(strings.Fields(rel), "noopener") {
					wrong = append(wrong, "a link that gives its window away")
				}
			}
		default:
			wrong = append(wrong, "a comment or doctype: "+n.Data)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	for _, n := range nodes {
		walk(n)
	}
	return wrong
}

func TestForbiddenFinds(t *testing.T) {
	t.Parallel()
	for fragment, want := range map[string]string{
		`<script>x</script>`: "<script>",
		`<p style="x">`:      "p style",
		`<p onclick=x>`:      "p onclick",
		`<a href="javascript:x" rel="nofollow noreferrer">`:                     "href=javascript:x",
		`<a href="https://x.example/">`:                                         "a link without nofollow",
		`<a href="https://x.example/" target=_blank rel="nofollow noreferrer">`: "a link that gives its window away",
		`<!-- x -->`:                         "a comment or doctype:  x ",
		`<svg><a xlink:href="javascript:x">`: "<svg>",
		`<img src=x>`:                        "<img>",
	} {
		if got := forbidden(t, fragment); !slices.Contains(got, want) {
			t.Errorf("%s: found %q, not %q", fragment, got, want)
		}
	}
}

func TestBodyIsReducedToStructure(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, body, keeps string }{
		{"plain structure", `<p>Hello <b>you</b></p><ul><li>one</li></ul>`, `<p>Hello <b>you</b></p><ul><li>one</li></ul>`},
		{"headings", `<h1>Big</h1><h2>Less</h2><h3>Third</h3>`, `<h3>Big</h3><h4>Less</h4><h3>Third</h3>`},
		{"script", `<p>a</p><script>alert(1)</script><SCRIPT SRC=//x.example/x.js></SCRIPT>`, "<p>a</p>"},
		{"script cut off", `a<script>alert(1)`, "a"},
		{"script in script", `<scr<script>ipt>alert(1)</scr</script>ipt>b`, "b"},
		{"style", `<style>@import url(https://x.example/)</style><p style="background:url(https://x.example/)">a</p>`, "<p>a</p>"},
		{"handlers", `<p onclick="alert(1)" onmouseover=alert(1)>a</p><b OnError="x">b</b><svg/onload=alert(1)>`, "<p>a</p><b>b</b>"},
		{"javascript links", `<a href="javascript:alert(1)">a</a><a href=" JaVaScRiPt:alert(1)">b</a><a href="java&#9;script:alert(1)">c</a><a href="&#x6a;avascript:alert(1)">d</a>`, "a"},
		{"data links", `<a href="data:text/html;base64,PHNjcmlwdD4=">a</a>`, "a"},
		{"vbscript and file", `<a href="vbscript:x">a</a><a href="file:///etc/passwd">b</a>`, "b"},
		{"relative links", `<a href="/auth/logout">a</a><a href="//x.example/">b</a><a href="#x">c</a>`, "c"},
		{"links", `<a href="https://x.example/?a=1&amp;b=2" target="_top" rel="opener">go</a>`, `href="https://x.example/?a=1&amp;b=2"`},
		{"mail", `<a href="mailto:a@x.example">mail</a> <a href="tel:+49">call</a>`, `href="mailto:a@x.example"`},
		{"images", `<p>a<img src="https://x.example/pixel.gif"><img src=cid:1><input type=image src=x><picture><source srcset=x></picture></p>`, "<p>a</p>"},
		{"frames and objects", `<iframe src="https://x.example"></iframe><object data=x></object><embed src=x><frameset></frameset>b`, "b"},
		{"forms", `<form action="https://x.example/"><input name=password><button formaction=x>Send</button><textarea>t</textarea><select><option>o</option></select></form>`, ""},
		{"base, meta and link", `<base href="https://x.example/"><meta http-equiv=refresh content="0;url=x"><link rel=stylesheet href=x>a`, "a"},
		{"our own ids and classes", `<div id="main" class="bar" name="x"><form id=live></form>a</div>`, "<div>a</div>"},
		{"comments", `<!-- [if gte mso 9]><xml></xml><![endif]-->a<!--`, "a"},
		{"mathml and svg", `<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math><svg><style><img src=x onerror=alert(1)></svg>`, ""},
		{"noscript", `<noscript><p title="</noscript><img src=x onerror=alert(1)>">`, ""},
		{"template", `<template><img src=x onerror=alert(1)></template>`, ""},
		{"quotes in attributes", `<td colspan='2" onmouseover="alert(1)'>a</td><a href='https://x.example/" onclick="x'>b</a>`, "a"},
		{"table", `<table border=1 background=x><tr><td colspan="2" rowspan=3 bgcolor=red>a<table><tr><td>b</td></tr></table></td><td colspan=1000>c</td></tr></table>`, `<td colspan="2" rowspan="3">a`},
		{"word", `<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><meta charset=utf-8><style><!-- p.MsoNormal {margin:0} --></style></head>` +
			`<body lang=EN-US><div class=WordSection1><p class=MsoNormal><span style='font-size:11.0pt'>Agenda<o:p></o:p></span></p></div></body></html>`, "<span>Agenda</span>"},
		{"teams", `<div>________________________________</div><a href="https://teams.microsoft.com/l/x" style="x">Join</a>`, "Join"},
		{"broken", `<p><b>a</p></b></div></table><td>b`, "a"},
		{"null bytes", "<p>a\x00b</p><scr\x00ipt>alert(1)</scr\x00ipt>", "a"},
		{"not UTF-8", "<p>a\xff\xfeb</p>", "a"},
		{"right to left", "<p dir=rtl>שלום \u202eabc</p>", "שלום"},
	} {
		got := shown(graph.Detail{Body: test.body, BodyType: "html"})
		if !strings.Contains(got, test.keeps) {
			t.Errorf("%s: %q is not in %q", test.name, test.keeps, got)
		}
		if wrong := forbidden(t, got); len(wrong) > 0 {
			t.Errorf("%s: %q in %q", test.name, wrong, got)
		}
		if strings.Contains(got, "alert") && strings.Contains(got, "<script") {
			t.Errorf("%s: %q", test.name, got)
		}
	}
}

func shown(d graph.Detail) string {
	text, _ := body(d)
	return string(text)
}

// A picture inside a body leaves the words beside it, and who reads a text that
// is not whole is told so.
func TestBodiesThatAreCut(t *testing.T) {
	t.Parallel()
	picture := `<img src="data:image/png;base64,` + strings.Repeat("iVBORw0KGgo/+9==", 30_000) + `">`
	for _, test := range []struct {
		name, body, keeps string
		cut               bool
	}{
		{"short", "<p>Agenda</p>", "Agenda", false},
		{"a picture first", picture + "<p>Agenda</p>" + picture, "Agenda", false},
		{"long", "<p>" + strings.Repeat("Agenda ", maxBodyShown/7) + "</p>", "Agenda", true},
	} {
		text, cut := body(graph.Detail{Body: test.body, BodyType: "html"})
		if !strings.Contains(string(text), test.keeps) || cut != test.cut {
			t.Errorf("%s: %d bytes, cut %v", test.name, len(text), cut)
		}
	}
}

func TestEmptyBodies(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ kind, body string }{
		{"html", ""},
		{"html", "<html><head><style>p{}</style></head><body><div><br></div><p>&nbsp;</p>\r\n</body></html>"},
		{"html", `<img src="https://x.example/pixel.gif">`},
		{"HTML", "<p> \n\t</p>"},
		{"text", ""},
		{"text", " \r\n "},
	} {
		if got := shown(graph.Detail{Body: test.body, BodyType: test.kind}); got != "" {
			t.Errorf("%s %q becomes %q", test.kind, test.body, got)
		}
	}
}

func TestPlainTextBodies(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{"one\r\ntwo\nthree", "<p>one<br>two<br>three</p>"},
		{"<b>no</b> & <script>alert(1)</script>", "<p>&lt;b&gt;no&lt;/b&gt; &amp; &lt;script&gt;alert(1)&lt;/script&gt;</p>"},
		{"see https://x.example/?a=1&b=2 now", `<p>see <a href="https://x.example/?a=1&amp;b=2" rel="nofollow noreferrer noopener" target="_blank">https://x.example/?a=1&amp;b=2</a> now</p>`},
		{`https://x.example/"onclick="x`, `<p><a href="https://x.example/" rel="nofollow noreferrer noopener" target="_blank">https://x.example/</a>&#34;onclick=&#34;x</p>`},
		{"Go to https://x.example/a.", `<p>Go to <a href="https://x.example/a" rel="nofollow noreferrer noopener" target="_blank">https://x.example/a</a>.</p>`},
		{"(https://x.example/a)", `<p>(<a href="https://x.example/a" rel="nofollow noreferrer noopener" target="_blank">https://x.example/a</a>)</p>`},
		{"http://x.example javascript:alert(1)", "<p>http://x.example javascript:alert(1)</p>"},
	} {
		got := shown(graph.Detail{Body: test.text, BodyType: "text"})
		if got != test.want {
			t.Errorf("%q becomes\n%s, want\n%s", test.text, got, test.want)
		}
		if wrong := forbidden(t, got); len(wrong) > 0 {
			t.Errorf("%q: %q in %q", test.text, wrong, got)
		}
	}
}

// A body of a megabyte costs no more than its beginning, and is cut between
// characters.
func TestLargeBodies(t *testing.T) {
	t.Parallel()
	for name, unit := range map[string]string{
		"text in cells": "<table><tr><td>äöü</td></tr></table>",
		"nested":        "<div><b>",
		"links":         `<a href="https://x.example/ä">x</a>`,
		"cut tags":      `<p title="` + strings.Repeat("ä", 5000),
		"entities":      "&lt;script&gt;",
	} {
		got := shown(graph.Detail{Body: strings.Repeat(unit, (1<<20)/len(unit)), BodyType: "html"})
		if !utf8.ValidString(got) {
			t.Errorf("%s: not UTF-8", name)
		}
		// Links grow by what makes them safe.
		if len(got) > 4*maxBodyShown {
			t.Errorf("%s: %d bytes are shown", name, len(got))
		}
		if name == "nested" {
			continue // net/html refuses what is nested so deeply
		}
		if wrong := forbidden(t, got); len(wrong) > 0 {
			t.Errorf("%s: %q", name, wrong[0])
		}
	}
	text := shown(graph.Detail{Body: strings.Repeat("ä\n", 1<<19), BodyType: "text"})
	if !utf8.ValidString(text) || len(text) > 4*maxBodyShown {
		t.Errorf("text: %d bytes are shown", len(text))
	}
}
