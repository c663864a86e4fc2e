import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import java.util.regex.*;

/**
 * Asks the JVM what cases.tsv says of it: `java Check.java cases.tsv` lists the rows that differ,
 * `java Check.java --write cases.tsv` writes what the JVM says into them.
 */
class Check {
    public static void main(String[] args) throws Exception {
        boolean write = args[0].equals("--write");
        Path table = Path.of(args[args.length - 1]);
        List<String> lines = new ArrayList<>();
        int wrong = 0;
        for (String line : Files.readAllLines(table, StandardCharsets.UTF_8)) {
            if (line.isEmpty() || line.startsWith("#")) {
                lines.add(line);
                continue;
            }
            String[] fields = line.split("\t", -1);
            String said = fields.length > 2 ? fields[2] : "";
            String[] parts = said.split(" \\| ", 2);
            String told = ask(field(fields[0]), field(fields[1]));
            if (!parts[0].equals(told)) {
                wrong++;
                if (!write) System.out.println(line + "  <- the JVM says: " + told);
            }
            lines.add(fields[0] + "\t" + fields[1] + "\t" + told + (parts.length > 1 ? " | " + parts[1] : ""));
        }
        if (write) Files.write(table, lines, StandardCharsets.UTF_8);
        System.out.println(wrong + " rows differed from JVM " + System.getProperty("java.version"));
        if (wrong > 0 && !write) System.exit(1);
    }

    static String ask(String pattern, String text) {
        try {
            return Pattern.compile(pattern, Pattern.DOTALL).matcher(text).matches() ? "match" : "no match";
        } catch (IllegalArgumentException e) {
            return "error";
        }
    }

    /** In a field, a currency sign and four hexadecimal digits stand for a UTF-16 unit. */
    static String field(String text) {
        Matcher m = Pattern.compile("\u00a4u([0-9a-f]{4})").matcher(text);
        return m.replaceAll(r -> Matcher.quoteReplacement(String.valueOf((char) Integer.parseInt(r.group(1), 16))));
    }
}
