package infer

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// pomOf is a pom.xml of acme:a whose line 2 is body.
func pomOf(body string) string {
	return "<project><groupId>acme</groupId><artifactId>a</artifactId>\n" + body + "\n</project>\n"
}

// ofA is what pomOf provides.
var ofA = []string{"acme:a", "acme:*", "*:a", "*:*"}

func pomDependency(group, artifact string) string {
	return "<dependency><groupId>" + group + "</groupId><artifactId>" + artifact + "</artifactId></dependency>"
}

var mavenCases = map[string]parseCase{
	"a module": {
		file: "services/api/pom.xml",
		data: `<?xml version="1.0" encoding="UTF-8"?>
<!-- the front door -->
<project xmlns="http://maven.apache.org/POM/4.0.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
         xsi:schemaLocation="http://maven.apache.org/POM/4.0.0 http://maven.apache.org/xsd/maven-4.0.0.xsd">
  <modelVersion>4.0.0</modelVersion>
  <parent>
    <groupId>com.acme</groupId>
    <artifactId>parent</artifactId>
    <version>1.0-SNAPSHOT</version>
    <relativePath>../../pom.xml</relativePath>
  </parent>
  <artifactId>api</artifactId>
  <properties>
    <acme.group>com.acme</acme.group>
    <store.name>store-${store.kind}</store.name>
    <store.kind>sql</store.kind>
  </properties>
  <dependencyManagement>
    <dependencies>
      <dependency><groupId>com.acme</groupId><artifactId>managed</artifactId><version>1</version></dependency>
      <dependency>
        <groupId>com.acme</groupId>
        <artifactId>bom</artifactId>
        <type>pom</type>
        <scope>import</scope>
      </dependency>
    </dependencies>
  </dependencyManagement>
  <dependencies>
    <dependency>
      <groupId>${project.groupId}</groupId>
      <artifactId>auth</artifactId>
      <version>${project.version}</version>
      <exclusions>
        <exclusion><groupId>com.acme</groupId><artifactId>excluded</artifactId></exclusion>
      </exclusions>
    </dependency>
    <dependency>
      <artifactId>${store.name}</artifactId>
      <groupId> ${acme.group} </groupId>
      <scope>test</scope>
    </dependency>
    <dependency><groupId>${project.parent.groupId}</groupId><artifactId>${pom.artifactId}-client</artifactId></dependency>
  </dependencies>
  <build>
    <extensions><extension><groupId>com.acme</groupId><artifactId>wagon</artifactId></extension></extensions>
    <pluginManagement><plugins><plugin>
      <artifactId>maven-checkstyle-plugin</artifactId>
      <dependencies><dependency><groupId>com.acme</groupId><artifactId>build-tools</artifactId></dependency></dependencies>
    </plugin></plugins></pluginManagement>
    <plugins>
      <plugin>
        <artifactId>maven-surefire-plugin</artifactId>
        <configuration><groupId>not</groupId><artifactId>this</artifactId></configuration>
        <dependencies>
          <dependency><groupId>com.acme</groupId><artifactId>junit-rules</artifactId></dependency>
        </dependencies>
      </plugin>
      <plugin><groupId>com.acme</groupId><artifactId>acme-maven-plugin</artifactId></plugin>
    </plugins>
  </build>
  <profiles>
    <profile>
      <id>it</id>
      <dependencies>
        <dependency><groupId>com.acme</groupId><artifactId>it</artifactId></dependency>
      </dependencies>
      <build><plugins><plugin><groupId>com.acme</groupId><artifactId>it-maven-plugin</artifactId></plugin></plugins></build>
    </profile>
  </profiles>
</project>
`,
		provides: []string{"com.acme:api", "com.acme:*", "*:api", "*:*"},
		needs: []string{
			"8 com.acme:parent", "23 com.acme:bom", "32 com.acme:auth", "39 com.acme:store-sql", "43 com.acme:api-client",
			"46 com.acme:wagon", "49 com.acme:build-tools", "53 org.apache.maven.plugins:maven-surefire-plugin",
			"56 com.acme:junit-rules", "59 com.acme:acme-maven-plugin", "66 com.acme:it", "68 com.acme:it-maven-plugin",
		},
	},
	"an aggregator": {
		file: "java/pom.xml",
		data: pomOf("<packaging>pom</packaging><modules>\n<module>api</module>\n<module>../lib/auth/pom.xml</module>\n" +
			"<module>..\\win</module><module> ${dir}/x </module><module/><module>../../out</module></modules>\n" +
			"<properties><dir>sub</dir></properties>\n<profiles><profile><modules><module>it</module></modules></profile></profiles>\n" +
			"<subprojects><subproject>four</subproject></subprojects>"),
		provides: ofA,
		needs:    []string{"3 ./java/api", "4 ./lib/auth/pom.xml", "5 ./win", "5 ./java/sub/x", "7 ./java/it", "8 ./java/four"},
	},
	"an artifact of several words": {
		file:     "a/pom.xml",
		data:     "<project><groupId>org.acme</groupId><artifactId>spark-core_2.13</artifactId></project>",
		provides: []string{"org.acme:spark-core_2.13", "org.acme:spark-core_2.*", "org.acme:spark-core_*", "org.acme:spark-*", "org.acme:*", "*:spark-core_2.13", "*:spark-core_2.*", "*:spark-core_*", "*:spark-*", "*:*"},
	},
	"its own artifact is not known": {
		file:     "a/pom.xml",
		data:     "<project><groupId>org.acme</groupId><artifactId>core_${scala}-x</artifactId></project>",
		provides: []string{"org.acme:core_*", "org.acme:*", "*:core_*", "*:*"},
	},
	"properties of the parent": {
		file: "a/pom.xml",
		data: pomOf("<dependencies>" + pomDependency("org.acme", "core_${scala.version}") + pomDependency("${acme.group}", "b") + pomDependency("org.acme", "${name}") +
			pomDependency("org.acme", "core_2${x}") + pomDependency("${x}", "${y}") + "</dependencies>"),
		provides: ofA,
		needs:    []string{"2 org.acme:core_*", "2 *:b", "2 org.acme:*", "2 org.acme:core_*", "2 *:*"},
	},
	"a property that profiles set otherwise": {
		file: "a/pom.xml",
		data: pomOf("<properties><db>h2</db><same>s</same></properties><profiles><profile><properties><db>pg</db><same>s</same><only>o</only></properties></profile></profiles>" +
			"<dependencies>" + pomDependency("acme", "only-${only}") + pomDependency("acme", "db-${db}") + pomDependency("acme", "${same}") + "</dependencies>"),
		provides: ofA, needs: []string{"2 acme:only-*", "2 acme:db-*", "2 acme:s"},
	},
	"an empty property": {
		file:     "a/pom.xml",
		data:     pomOf("<properties><suffix></suffix></properties><dependencies>" + pomDependency("acme", "b${suffix}") + "</dependencies>"),
		provides: ofA, needs: []string{"2 acme:b"},
	},
	"properties in a circle": {
		file:     "a/pom.xml",
		data:     pomOf("<properties><x>${y}</x><y>${x}</y></properties><dependencies>" + pomDependency("acme", "b-${x}") + "</dependencies>"),
		provides: ofA, needs: []string{"2 acme:b-*"},
	},
	"properties that grow": {
		file: "a/pom.xml",
		data: pomOf("<properties><x>" + strings.Repeat("${y}", 100) + "</x><y>" + strings.Repeat("${z}", 100) + "</y><z>" + strings.Repeat("z", 100) +
			"</z></properties><dependencies>" + pomDependency("acme", "b-${x}") + "</dependencies>"),
		provides: ofA, needs: []string{"2 acme:b-" + "*"},
	},
	"comments and CDATA in a name": {
		file:     "a/pom.xml",
		data:     pomOf("<dependencies>" + pomDependency("<![CDATA[acme]]>", "b<!-- really -->c&#45;d&amp;") + "</dependencies>"),
		provides: ofA, needs: []string{"2 acme:bc-d&"},
	},
	"a dependency without a group":  {file: "a/pom.xml", data: pomOf("<dependencies><dependency><artifactId>b</artifactId></dependency></dependencies>"), provides: ofA},
	"a dependency without anything": {file: "a/pom.xml", data: pomOf("<dependencies><dependency/></dependencies>"), provides: ofA},
	"reporting and distribution":    {file: "a/pom.xml", data: pomOf("<reporting><plugins><plugin><groupId>acme</groupId><artifactId>r</artifactId></plugin></plugins></reporting>"), provides: ofA},
	"a prefix for the namespace":    {file: "a/pom.xml", data: `<m:project xmlns:m="http://maven.apache.org/POM/4.0.0"><m:groupId>acme</m:groupId><m:artifactId>a</m:artifactId></m:project>`, provides: ofA},
	"byte order mark, CRLF":         {file: "a/pom.xml", data: "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\r\n" + strings.ReplaceAll(pomOf("<dependencies>\n"+pomDependency("acme", "b")+"</dependencies>"), "\n", "\r\n"), provides: ofA, needs: []string{"4 acme:b"}},
	"Latin-1":                       {file: "a/pom.xml", data: "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<!-- J\xf6rg -->\n" + pomOf("<dependencies>"+pomDependency("acme", "b\xf6")+"</dependencies>"), provides: ofA, needs: []string{"4 acme:bö"}},
	"UTF-16":                        {file: "a/pom.xml", data: utf16LE("<?xml version=\"1.0\" encoding=\"UTF-16\"?>\n" + pomOf("<dependencies>"+pomDependency("acme", "b")+"</dependencies>")), provides: ofA, needs: []string{"3 acme:b"}},
	"entities of HTML":              {file: "a/pom.xml", data: pomOf("<organization><name>&copy; Acme&nbsp;</name></organization>"), provides: ofA},
	"deep":                          {file: "a/pom.xml", data: pomOf(strings.Repeat("<x>", 20_000) + strings.Repeat("</x>", 20_000)), provides: ofA},
	"a project in a project":        {file: "a/pom.xml", data: pomOf("<project><artifactId>z</artifactId><parent><parent><artifactId>y</artifactId></parent></parent></project>"), provides: ofA},

	"a group that is not known": {file: "a/pom.xml", data: "<project>\n<groupId>${acme.group}</groupId><artifactId>a</artifactId></project>",
		err: "line 2: the groupId ${acme.group} holds a property that this file does not set; write the groupId out"},
	"a group of the parent that is not known": {file: "a/pom.xml", data: "<project>\n<parent>\n<groupId>${g}</groupId><artifactId>p</artifactId></parent><artifactId>a</artifactId></project>",
		err: "line 3: the groupId ${g} holds a property that this file does not set; write the groupId out"},
	"no group":         {file: "a/pom.xml", data: "\n<project><artifactId>a</artifactId></project>", err: "line 2: the project has no groupId, neither its own nor a parent's"},
	"no artifact":      {file: "a/pom.xml", data: "<project><groupId>acme</groupId></project>", err: "line 1: the project has no artifactId"},
	"empty":            {file: "a/pom.xml", err: "line 1: this is not a pom.xml: it has no <project>"},
	"not a pom":        {file: "a/pom.xml", data: "\n<html></html>\n", err: "line 1: this is not a pom.xml: it has no <project>"},
	"not closed":       {file: "a/pom.xml", data: "<project>\n<groupId>acme\n", err: "line 3: this is not valid XML: unexpected EOF"},
	"closed otherwise": {file: "a/pom.xml", data: "<project>\n<groupId>acme</groupID>\n", err: "line 2: this is not valid XML: element <groupId> closed by </groupID>"},
	"conflict markers": {file: "a/pom.xml", data: "<project>\n<<<<<<< HEAD\n</project>", err: "line 2: this is not valid XML: expected element name after <"},
	"entities that grow": {file: "a/pom.xml", data: "<!DOCTYPE project [\n<!ENTITY a \"aaaaaaaaaa\">\n<!ENTITY b \"&a;&a;&a;&a;\">\n]>\n" + pomOf("<name>&b;</name>"),
		err: "line 6: this is not valid XML: invalid character entity &b;"},
	"an entity of a file": {file: "a/pom.xml", data: "<!DOCTYPE project [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>\n<project><groupId>&a;</groupId></project>",
		err: "line 2: this is not valid XML: invalid character entity &a;"},
	"an encoding nobody reads": {file: "a/pom.xml", data: "<?xml version=\"1.0\" encoding=\"IBM037\"?>\n<project/>", err: `line 1: this cannot be read: the encoding "IBM037" is not read; save the file as UTF-8`},
}

func utf16LE(s string) string {
	out := []byte("\xff\xfe")
	for _, b := range []byte(s) {
		out = append(out, b, 0)
	}
	return string(out)
}

func TestMaven(t *testing.T) { testParser(t, mavenParser, mavenCases) }

func FuzzMaven(f *testing.F) { fuzzParser(f, mavenParser, "java/a/pom.xml", mavenCases) }

// Whatever a property that is not known stands for, the package that is meant
// provides the name that is needed.
func TestMavenWide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringMatching(`[a-z0-9._-]{0,8}`)
		head, middle, tail := part.Draw(t, "head"), part.Draw(t, "middle"), part.Draw(t, "tail")
		names := mavenProvides("acme.group", head+middle+tail)
		for _, need := range []string{
			widened("acme.group", head+middle+tail), widened("acme.${x}", head+middle+tail),
			widened("acme.group", head+"${x}"+tail), widened("${x}", head+"${x}"+tail), widened("${x}", head+"${x}${y}"),
		} {
			if !slices.Contains(names, need) {
				t.Errorf("%s is none of %q", need, names)
			}
		}
	})
}
