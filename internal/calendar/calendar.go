// Package calendar decides which days a view has and where each event is
// drawn. Its functions are pure: they read no clock, ask nobody and keep
// nothing, so that every answer can be tested and repeated. Fetching events is
// left to package graph, words and date formats to package locale, HTML to
// package server.
//
// Two kinds of time meet here. A timed event happens at instants
// ([time.Time]); in which day it falls depends on the zone of whoever looks.
// An all-day event has days ([Date]) and no zone: 24 December is 24 December
// everywhere. Nothing in this package adds 24 hours to reach the next day.
package calendar
