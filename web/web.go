// Package web embeds the templates and static files that package server
// renders and serves. It holds no code besides.
package web

import "embed"

// Files holds the folders templates and static.
//
//go:embed templates static
var Files embed.FS
