package server

import (
	"html/template"
	"regexp"
	"strings"
	"sync"

	"daybook/internal/graph"

	"github.com/microcosm-cc/bluemonday"
)

// bodyPolicy reduces an event's body to its structure: what others wrote may
// say what it likes but bring no script, style, form, picture or frame, and
// its links tell the other side nothing about where they were followed from.
var bodyPolicy = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "div", "span", "blockquote", "pre", "code",
		"b", "strong", "i", "em", "u", "s", "sub", "sup", "small",
		"ul", "ol", "li", "dl", "dt", "dd",
		"h1", "h2", "h3", "h4", "h5", "h6",
		"table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption")
	p.AllowAttrs("colspan", "rowspan").Matching(regexp.MustCompile(`^[1-9]\d?$`)).OnElements("td", "th")
	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("https", "http", "mailto", "tel")
	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(false)
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	p.AddTargetBlankToFullyQualifiedLinks(true)
	return p
})

// maxBodyShown bounds the body of an event on its page, in bytes.
const maxBodyShown = 256 << 10

// headings pushes a body's headings below the page's own.
var headings = strings.NewReplacer("<h1", "<h3", "</h1", "</h3", "<h2", "<h4", "</h2", "</h4")

// embedded is a file inside an address (RFC 2397), which is shown nowhere and
// would leave no room for the words after it.
var embedded = regexp.MustCompile(`data:[\w.+/-]*;base64,[\w+/=%\s]*`)

// body returns what may be shown of an event's body, empty when nothing would
// be seen, and whether it is too long to be shown whole.
func body(d graph.Detail) (shown template.HTML, cut bool) {
	text := d.Body
	if len(text) > maxBodyShown {
		text = embedded.ReplaceAllString(text, "")
	}
	if cut = len(text) > maxBodyShown; cut {
		text = strings.ToValidUTF8(text[:maxBodyShown], "")
	}
	if !strings.EqualFold(d.BodyType, "html") {
		return template.HTML(linked(text)), cut //nolint:gosec // linked escapes
	}
	clean := headings.Replace(bodyPolicy().Sanitize(text))
	if strings.TrimSpace(bluemonday.StrictPolicy().Sanitize(clean)) == "" {
		return "", cut
	}
	return template.HTML(clean), cut //nolint:gosec // sanitised just above
}

// webAddress is one in plain text, without the punctuation that follows it.
var webAddress = regexp.MustCompile(`https://[^\s<>"']*[^\s<>"'.,;:!?)\]}]`)

// linked escapes plain text and makes its web addresses links.
func linked(text string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString("<p>")
	last := 0
	for _, m := range webAddress.FindAllStringIndex(text, -1) {
		b.WriteString(lines(text[last:m[0]]))
		address := template.HTMLEscapeString(text[m[0]:m[1]])
		b.WriteString(`<a href="` + address + `" rel="nofollow noreferrer noopener" target="_blank">` + address + `</a>`)
		last = m[1]
	}
	b.WriteString(lines(text[last:]))
	b.WriteString("</p>")
	return b.String()
}

func lines(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(template.HTMLEscapeString(text), "\r\n", "\n"), "\n", "<br>")
}
