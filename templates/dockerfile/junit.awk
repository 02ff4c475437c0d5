# What libtest prints, and a report of nextest beside it (junit.xml), as one report in the form of JUnit. A program that ends badly
# without saying which test it was counts as one.
function escaped(text) {
  gsub(/[\001-\010\013-\037]/, "", text)
  gsub(/&/, "\\&amp;", text)
  gsub(/</, "\\&lt;", text)
  gsub(/>/, "\\&gt;", text)
  gsub(/"/, "\\&quot;", text)
  return text
}
# As a failure names it, without what is expected of it.
function bare(name) { sub(/ - (should panic|compile fail|compile)$/, "", name); return name }
function test(name, what, time) {
  name = bare(name)
  count++
  names[count] = name; suites[count] = suite; results[count] = what; times[count] = time
  found[suite, name] = count
  if (what == "FAILED") broken[suite]++
}
function ended(word) { return word ~ /^(ok|FAILED|ignored(, .*)?)( <[0-9.]+s>)?$/ }
function settle(name, word,   time) {
  time = ""
  if (match(word, / <[0-9.]+s>$/)) { time = substr(word, RSTART + 2, RLENGTH - 4); word = substr(word, 1, RSTART - 1) }
  sub(/,.*/, "", word)
  test(name, word, time)
  pending = ""
}
# A program that ended badly, and none of its tests says so.
function close_suite() {
  if (suite != "" && failed && !broken[suite]) {
    test(pending != "" ? pending : suite, "FAILED", "")
    output[count] = said
  }
  suite = ""; failed = 0; section = ""; said = ""; pending = ""
}
# Two packages can have a program of one name.
function open_suite(name) {
  close_suite()
  suite = name
  while (suite in known) suite = name " (" ++again[name] + 1 ")"
  known[suite]; order[++opened] = suite
}
function number(line, key) { return match(line, " " key "=\"[0-9.]+\"") ? substr(line, RSTART + length(key) + 3, RLENGTH - length(key) - 4) : 0 }

FILENAME ~ /junit\.xml$/ {
  if (/^<testsuites/) {
    all += number($0, "tests"); bad += number($0, "failures"); errors += number($0, "errors"); skipped += number($0, "skipped")
    seconds += number($0, "time")
  } else if (!/^<\?xml/ && !/^<\/testsuites>/) theirs = theirs $0 "\n"
  next
}
{ sub(/\r$/, ""); gsub(/\033[[(][0-9;]*[A-Za-z]/, "") }
/^ +Running .*\(.*\)$/ {
  name = $0
  sub(/.*\(/, "", name); sub(/\)$/, "", name); sub(/.*\//, "", name); sub(/-[0-9a-f]+$/, "", name)
  open_suite(name)
  next
}
/^ +Doc-tests / { open_suite($2 " (documentation)"); next }
# A program that ends in the middle of a line leaves the rest of it to cargo.
/error: (doc)?test failed, to rerun pass/ {
  if (/^test .* \.\.\. error: /) pending = substr($0, 6, index($0, " ... ") - 6)
  failed = 1; section = "cause"
  next
}
/^error: [0-9]+ targets? failed/ { close_suite(); next }
suite == "" { next }
{ if (++lines[suite] <= 200) said = said $0 "\n" }
section == "output" && /^---- .* ----$/ {
  name = $0
  sub(/^---- /, "", name); sub(/ (stdout|stderr) ----$/, "", name); sub(/ ----$/, "", name)
  at = found[suite, bare(name)]
  next
}
section == "output" && /^failures:$/ { section = "list"; next }
section == "output" { if (at) output[at] = output[at] $0 "\n"; next }
/^failures:$/ && section == "" { section = "output"; at = 0; next }
/^test result: / {
  if (match($0, /finished in [0-9.]+s/)) took[suite] += substr($0, RSTART + 12, RLENGTH - 13)
  section = ""
  next
}
section != "" { next }
/^test .* \.\.\. / {
  at_word = index($0, " ... ")
  name = substr($0, 6, at_word - 6); word = substr($0, at_word + 5)
  if (ended(word)) settle(name, word)
  else if (word ~ /^bench:/) test(name, "ok", "")
  else pending = name
  next
}
# With what it printed before its end on the same line.
pending != "" && ended($0) { settle(pending, $0) }

END {
  close_suite()
  for (i = 1; i <= count; i++) {
    all++; tests[suites[i]]++
    if (results[i] == "FAILED") { bad++; fails[suites[i]]++ }
    if (results[i] == "ignored") { skipped++; skips[suites[i]]++ }
  }
  for (i = 1; i <= opened; i++) seconds += took[order[i]]
  print "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
  printf "<testsuites name=\"tests\" tests=\"%d\" failures=\"%d\" errors=\"%d\" skipped=\"%d\" time=\"%.3f\">\n", all, bad, errors, skipped, seconds
  printf "%s", theirs
  for (s = 1; s <= opened; s++) {
    suite = order[s]
    printf "    <testsuite name=\"%s\" tests=\"%d\" failures=\"%d\" errors=\"0\" skipped=\"%d\" time=\"%.3f\">\n", escaped(suite), tests[suite], fails[suite], skips[suite], took[suite]
    for (i = 1; i <= count; i++) if (suites[i] == suite) {
      printf "        <testcase name=\"%s\" classname=\"%s\"%s", escaped(names[i]), escaped(suite), times[i] == "" ? "" : " time=\"" times[i] "\""
      if (results[i] == "ignored") print "><skipped/></testcase>"
      else if (results[i] != "FAILED") print "/>"
      else {
        text = output[i]
        sub(/^\n+/, "", text); sub(/\n+$/, "", text)
        message = text
        if (match(text, /[^\n]*panicked at [^\n]*/)) message = substr(text, RSTART, RLENGTH)
        sub(/\n.*/, "", message)
        printf ">\n            <failure message=\"%s\" type=\"test failure\">%s</failure>\n        </testcase>\n", escaped(message), escaped(text)
      }
    }
    print "    </testsuite>"
  }
  print "</testsuites>"
}
