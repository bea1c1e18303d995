// Makes the pages quicker to use. Each of them works without it.
"use strict";

(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const typesText = (element) =>
    element.isContentEditable ||
    element.matches?.("textarea, select, input:not([type=radio], [type=checkbox], [type=button], [type=submit])");

  // The scan box: what a scanner types anywhere goes there, and `/` leads to it. Can be switched off, since some people's
  // software types single characters by itself.
  const KEY = "provesi.listening";
  const scan = document.getElementById("scan");
  const toggle = document.getElementById("listening");
  const stored = (value) => {
    try {
      if (value === undefined) return localStorage.getItem(KEY) !== "off";
      localStorage.setItem(KEY, value ? "on" : "off");
    } catch {
      // A browser that keeps nothing forgets it with the page.
    }
    return value ?? true;
  };
  let listening = stored();
  const showListening = () => toggle.setAttribute("aria-pressed", String(listening));
  toggle.addEventListener("click", () => {
    listening = stored(!listening);
    showListening();
  });
  showListening();
  document.addEventListener("keydown", (event) => {
    if (!listening || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key.length !== 1 || event.key === " " || typesText(event.target)) return;
    // The key lands in what has the focus once this is done.
    if (event.key === "/") event.preventDefault();
    scan.value = "";
    scan.focus();
  });

  // A scanner types faster than anybody's fingers, and ends with Enter. What it types into another field is taken out of it
  // again, and goes where scans go. The number of a new order may be scanned into its field.
  // Between two keys of a burst, and on the average of all: fingers need more than 60.
  const GAP_MS = 200;
  const FAST_MS = 50;
  const isCommand = (text) => /^cmd[:ñ]/i.test(text);
  const isScanned = (text) => isCommand(text) || (/^[a-z0-9'-]{3,32}$/i.test(text) && /[0-9'-]/.test(text));
  let burst;
  document.addEventListener(
    "keydown",
    (event) => {
      const field = event.target;
      if (!listening || field === scan || !typesText(field) || event.isComposing) return (burst = undefined);
      if (event.key === "Shift") return;
      const isNext = burst?.field === field && event.timeStamp - burst.at <= GAP_MS;
      if (event.key === "Enter") {
        const isFast = isNext && event.timeStamp - burst.began <= FAST_MS * burst.text.length;
        const scanned = isFast ? burst.text : "";
        const before = burst?.before;
        burst = undefined;
        if (!isScanned(scanned) || (field.hasAttribute("data-scans") && !isCommand(scanned))) return;
        event.preventDefault();
        event.stopPropagation();
        field.value = before;
        field.dispatchEvent(new Event(field.tagName === "SELECT" ? "change" : "input", { bubbles: true }));
        submitScan(scanned);
      } else if (event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey) {
        burst = undefined;
      } else if (isNext) {
        burst.text += event.key;
        burst.at = event.timeStamp;
      } else {
        burst = { field, before: field.value, text: event.key, began: event.timeStamp, at: event.timeStamp };
      }
    },
    true,
  );

  // Scans are answered one after the other and without leaving the page: a document that is being loaded loses the keys that
  // a scanner types. The answer takes the place of the page. Once one has something to complain of, the scans after it are
  // not processed, and named.
  const ANSWER_MS = 35000;
  const scans = [];
  let isAnswering = false;
  let shown = location.href;

  // Keys that begin this soon after the page was loaded may be the end of a scan whose beginning was lost.
  const LOADED_MS = 150;
  const loadedAt = performance.now();
  let lastKeyAt = -Infinity;
  let mayBeCut = false;
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.timeStamp - lastKeyAt > GAP_MS) mayBeCut = event.timeStamp < loadedAt + LOADED_MS;
      lastKeyAt = event.timeStamp;
    },
    true,
  );

  const submitScan = (text) => {
    if (mayBeCut) {
      complain(`Mientras cargaba la página pudo perderse parte de una lectura. No se procesó: ${text}. Escanee otra vez.`);
      return;
    }
    scans.push(text);
    // What is typed from now on is the next scan: the field that has the focus goes away with this page.
    scan.focus();
    if (!isAnswering) answerScans();
  };
  scan.form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = scan.value.trim();
    scan.value = "";
    if (text) submitScan(text);
  });

  // A page accepts a command only if a number was scanned on it, and no scan was lost since.
  const disarm = () => scan.form.querySelector("[name=scanned]")?.remove();

  const complain = (text) => {
    disarm();
    const box = document.createElement("div");
    box.className = "box is-refused is-moved";
    box.setAttribute("role", "alert");
    const words = document.createElement("p");
    words.textContent = text;
    box.append(words);
    for (const old of all("main > [role=alert], main > .is-moved")) old.remove();
    document.querySelector("main").prepend(box);
  };

  const answerScans = async () => {
    isAnswering = true;
    while (scans.length) {
      const text = scans.shift();
      await answerScan(text).catch(() =>
        complain(`No hubo respuesta a ${text}. Revise cómo quedó la orden antes de escanear otra vez.`),
      );
      const complaint = scans.length && document.querySelector("main [role=alert]");
      if (!complaint) continue;
      const words = document.createElement("p");
      words.textContent = `No se procesó lo que se escaneó después: ${scans.splice(0).join(", ")}.`;
      complaint.append(words);
    }
    isAnswering = false;
  };

  // A command goes to the order of the page, a number to the look-up.
  const answerScan = async (text) => {
    const { form } = scan;
    const options = { signal: AbortSignal.timeout(ANSWER_MS), headers: { accept: "text/html" } };
    let url = form.dataset.lookup ?? form.action;
    if (isCommand(text) && form.method === "post") {
      url = form.action;
      const fields = new FormData(form);
      fields.set("q", text);
      Object.assign(options, { method: "post", body: new URLSearchParams(fields) });
    } else {
      url += `?${new URLSearchParams({ q: text })}`;
    }
    form.querySelector("button").classList.add("is-busy");
    try {
      const answer = await fetch(url, options);
      showPage(new DOMParser().parseFromString(await answer.text(), "text/html"), answer.url);
    } finally {
      form.querySelector("button").classList.remove("is-busy");
    }
  };

  // Everything but the scan box, into which the next scan may be being typed.
  const showPage = (page, url) => {
    const main = page.querySelector("main");
    const form = page.querySelector("form.scan");
    // Not a page of ours: a proxy may ask to sign in.
    if (!main || !form) throw new Error("not a page");
    document.title = page.title;
    document.querySelector("main").replaceWith(main);
    document.querySelector("header nav").replaceWith(page.querySelector("header nav"));
    for (const name of ["action", "method", "data-lookup"]) {
      if (form.hasAttribute(name)) scan.form.setAttribute(name, form.getAttribute(name));
      else scan.form.removeAttribute(name);
    }
    for (const field of all("input[type=hidden]", scan.form)) field.remove();
    scan.form.prepend(...all("input[type=hidden]", form));
    if (url !== shown) history.pushState(null, "", url);
    shown = url;
    enhance(main);
    scrollTo(0, 0);
    if (!scan.value) main.querySelector("[autofocus]")?.focus();
  };
  window.addEventListener("popstate", () => {
    if (location.href.split("#")[0] !== shown.split("#")[0]) location.reload();
  });

  // The next statuses: Alt and a digit, whatever the browser takes for access keys.
  document.addEventListener("keydown", (event) => {
    if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const digit = /^Digit([1-7])$/.exec(event.code)?.[1];
    const button = digit && document.querySelector(`.step[accesskey="${digit}"], [data-key="${digit}"]`);
    if (!button) return;
    event.preventDefault();
    const form = button.closest("[data-return]");
    if (form?.hidden) openReturn(form);
    else if (form) form.querySelector("textarea").focus();
    else button.click();
  });

  // A return: its form stands behind a button until somebody wants it.
  const openReturn = (form) => {
    form.hidden = false;
    document.querySelector("[data-opens]")?.remove();
    form.querySelector("textarea").focus();
  };
  // Values that somebody else saved meanwhile.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-take]");
    if (!button) return;
    const { take, value, label } = button.dataset;
    if (take === "client") {
      document.querySelector("[data-choice]").dispatchEvent(new CustomEvent("take", { detail: { id: value, name: label } }));
    } else {
      const field = document.getElementById(take);
      field.value = value;
      field.dispatchEvent(new Event("change", { bubbles: true }));
      field.focus();
    }
    button.closest(".now").remove();
  });

  // A form is sent once. The server would do it once anyway; this saves the clerk the doubt. Where no page follows, since
  // it opened in another tab or was stopped, the form can be sent again after a while.
  const AGAIN_MS = 5000;
  const mayBeSent = (form) => {
    delete form.dataset.sent;
    for (const button of all(".is-busy", form)) button.classList.remove("is-busy");
  };
  const allMayBeSent = () => {
    for (const form of all("form[data-sent]")) mayBeSent(form);
  };
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
    for (const button of all("button[type=submit]", form)) button.classList.add("is-busy");
    setTimeout(mayBeSent, AGAIN_MS, form);
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) allMayBeSent();
  });
  window.addEventListener("pageshow", (event) => {
    // A page that was kept as it was is of another moment.
    if (event.persisted) return location.reload();
    allMayBeSent();
  });

  // What a page gets when it is shown: after it was loaded, and after a scan put it in the place of another one.
  const enhance = (root) => {
    for (const element of all(".needs-script", root)) element.hidden = false;

    for (const form of all("[data-return]", root)) {
      if (form.dataset.open === "true") continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "step is-returned";
      button.dataset.opens = "";
      button.textContent = "Devuelto… ";
      const key = document.createElement("kbd");
      key.textContent = `Alt ${form.querySelector("[data-key]").dataset.key}`;
      button.append(key);
      button.addEventListener("click", () => openReturn(form));
      const steps = document.querySelector(".steps");
      if (steps) steps.append(button);
      else form.before(button);
      form.hidden = true;
    }

    // The reason in the form of an order: there while Devuelto is chosen.
    for (const reason of all("[data-reason]", root)) {
      const status = document.getElementById("status");
      // The focus stays where it is: whoever types the name of a status passes others on the way.
      const show = () => (reason.hidden = status.value !== "returned");
      status.addEventListener("change", show);
      show();
    }

    // Orders that are chosen in a list: all of them by one box, and how many they are.
    for (const form of all("[data-bulk]", root)) {
      const boxes = all("input[name=order]", form);
      const every = document.createElement("input");
      every.type = "checkbox";
      const label = document.createElement("label");
      const words = document.createElement("span");
      words.className = "unit";
      words.textContent = "Elegir todas las de esta página";
      label.append(every, words);
      form.querySelector("[data-all]").replaceChildren(label);
      const show = () => {
        const chosen = boxes.filter((box) => box.checked).length;
        form.querySelector("[data-count]").textContent = chosen ? `(${chosen})` : "";
        form.classList.toggle("has-chosen", chosen > 0);
        every.checked = chosen === boxes.length;
        every.indeterminate = chosen > 0 && chosen < boxes.length;
      };
      every.addEventListener("change", () => {
        for (const box of boxes) box.checked = every.checked;
        show();
      });
      form.addEventListener("change", show);
      window.addEventListener("pageshow", show);
      show();
    }

    for (const button of all("[data-print]", root)) button.addEventListener("click", () => window.print());

    // Enter in the number of a new order goes on to its client: it may be a scanner's.
    for (const field of all("[data-scans]", root)) {
      field.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        document.getElementById("client_search")?.focus();
      });
    }

    // The choice of a client: a combobox (ARIA Authoring Practices, editable with list) in the place of the radio buttons.
    for (const choice of all("[data-choice]", root)) combobox(choice);
  };

  function combobox(choice) {
    const options = choice.querySelector("[data-options]");
    const find = choice.querySelector("[data-find]");
    const input = find.querySelector("input");
    // Matches of a search without script are for radio buttons.
    if (all("input[type=radio]", options).length > 2) return;
    const chosen = options.querySelector("input:checked");
    const hidden = document.createElement("input");
    hidden.type = "hidden";
    hidden.name = "client";
    hidden.value = chosen?.value ?? "";
    let name = hidden.value ? chosen.closest("label").querySelector("[data-name]").textContent : "";
    const wasInvalid = choice.classList.contains("is-wrong");

    const box = document.createElement("div");
    box.className = "combo";
    const list = document.createElement("div");
    list.id = "client_list";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Clientes");
    list.hidden = true;
    const told = document.createElement("p");
    told.className = "hint";
    told.id = "client_told";
    told.setAttribute("role", "status");
    const help = "Escriba parte del nombre, el email o el teléfono. Vacío: sin cliente.";
    told.textContent = help;
    input.removeAttribute("name");
    input.value = name;
    for (const [attribute, value] of Object.entries({
      role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id, "aria-describedby": told.id,
    })) input.setAttribute(attribute, value);
    if (wasInvalid) {
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", `client-fault ${told.id}`);
    }
    const label = find.querySelector("label");
    label.classList.add("hidden");
    box.append(input, list);
    find.replaceChildren(label, box);
    find.classList.remove("line");
    find.after(told);
    options.replaceWith(hidden);

    let active = -1;
    let timer;
    let request;
    const items = () => all("[role=option]", list);
    const close = () => {
      list.hidden = true;
      active = -1;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    };
    const open = () => {
      list.hidden = false;
      input.setAttribute("aria-expanded", "true");
    };
    const mark = (at) => {
      active = at;
      items().forEach((item, index) => item.setAttribute("aria-selected", String(index === at)));
      const item = items()[at];
      if (!item) return input.removeAttribute("aria-activedescendant");
      input.setAttribute("aria-activedescendant", item.id);
      item.scrollIntoView({ block: "nearest" });
    };
    const take = (client) => {
      hidden.value = client.id;
      name = client.name;
      input.value = client.name;
      told.textContent = client.id ? `Elegido: ${client.name}` : "Sin cliente.";
      input.removeAttribute("aria-invalid");
      clearTimeout(timer);
      request?.abort();
      close();
    };
    const show = ({ clients, more }) => {
      list.replaceChildren(
        ...clients.map((client, index) => {
          const item = document.createElement("div");
          item.id = `client_option_${index}`;
          item.setAttribute("role", "option");
          item.setAttribute("aria-selected", "false");
          item.append(client.name);
          const more = document.createElement("span");
          more.className = "small";
          more.textContent = [client.email, client.phone].filter(Boolean).join(" · ");
          item.append(more);
          // Before the input loses the focus.
          item.addEventListener("pointerdown", (event) => {
            event.preventDefault();
            take(client);
          });
          item.client = client;
          return item;
        }),
      );
      mark(-1);
      if (clients.length) open();
      else close();
      told.textContent = !clients.length
        ? "Ningún cliente coincide."
        : more
          ? "Los 20 más cercanos; escriba más para acercarse."
          : `${clients.length} ${clients.length === 1 ? "cliente" : "clientes"}. Flechas y Enter para elegir.`;
    };
    const search = async () => {
      request?.abort();
      const mine = (request = new AbortController());
      try {
        const url = `${choice.dataset.search}?${new URLSearchParams({ q: input.value.trim() })}`;
        const answer = await fetch(url, { signal: mine.signal, headers: { accept: "application/json" } });
        if (!answer.ok) throw new Error(answer.status);
        show(await answer.json());
      } catch (error) {
        if (error.name === "AbortError") return;
        close();
        told.textContent = "Los clientes no responden; intente de nuevo en un momento.";
      }
    };
    input.addEventListener("input", () => {
      clearTimeout(timer);
      const text = input.value.trim();
      // What was chosen holds only as long as its name stands there.
      hidden.value = text && text === name ? hidden.value : "";
      if (!text) return take({ id: "", name: "" });
      told.textContent = "Buscando…";
      timer = setTimeout(search, 200);
    });
    input.addEventListener("keydown", (event) => {
      const count = items().length;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        if (list.hidden && count) open();
        if (!count) return;
        event.preventDefault();
        const step = event.key === "ArrowDown" ? 1 : -1;
        mark(active < 0 ? (step > 0 ? 0 : count - 1) : (active + step + count) % count);
      } else if (event.key === "Enter" && !list.hidden && active >= 0) {
        event.preventDefault();
        take(items()[active].client);
      } else if (event.key === "Enter" && input.value.trim() && input.value.trim() !== name) {
        // Nobody was chosen yet: saving now would lose the client.
        event.preventDefault();
        if (!list.hidden && count) mark(0);
      } else if (event.key === "Escape" && !list.hidden) {
        event.preventDefault();
        close();
      }
    });
    input.addEventListener("blur", () => {
      close();
      if (input.value.trim() && !hidden.value) {
        told.textContent = "Todavía no ha elegido un cliente de la lista.";
        input.setAttribute("aria-invalid", "true");
      }
    });
    input.form.addEventListener("submit", (event) => {
      if (!input.value.trim() || hidden.value) return;
      event.preventDefault();
      event.stopPropagation();
      told.textContent = "Elija un cliente de la lista, o deje la casilla vacía.";
      input.setAttribute("aria-invalid", "true");
      input.focus();
    });
    choice.addEventListener("take", (event) => {
      take(event.detail);
      input.focus();
    });
  }

  // A page that was loaded may have lost the scan of another order: it accepts no command before a number is scanned.
  disarm();
  enhance(document);
})();
