// SPDX-License-Identifier: Apache-2.0

// Package report opens the pages of ebrec report in headless Chromium, as a
// person would: that they load without a word on the console and without asking
// anybody, that their numbers are those of ebrec analyze, that zooming, searching,
// sorting and copying work, and that hostile names stay text. make browser
// installs what it takes into the user's cache: chromium and npm are needed, and
// the package registry on the first run. With EBREC_SHOTS=DIR it leaves pictures
// of every part there, for somebody to look at.
package report
